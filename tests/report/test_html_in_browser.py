"""The HTML report in a real browser: it draws, sorts, filters, zooms, and runs nothing else."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_affscore.records import FeatureSample, FloatArray, PairedSample, Signature
from onnx_affscore.report.html import several_to_html, to_html
from onnx_affscore.score.details import details
from onnx_affscore.score.moments import Prepared
from onnx_affscore.statistics.compare import compare
from tests.browser import CHROMIUM, Page, chromium

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium (Debian: apt-get install chromium)"
)

EVIL = '</script><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>&<!--'


def _side(rows: FloatArray) -> FeatureSample:
    return FeatureSample(rows, 2.0**-23, float(np.sqrt(np.mean(rows**2))))


def _drawn(scale: float) -> Any:
    x = np.random.default_rng(0).normal(size=(300, 6)) @ np.diag([4.0, 2.0, 1.0, 0.5, 0.2, 0.1])
    pair = PairedSample(_side(x), _side(scale * np.maximum(x, 0.0)))
    return details(Prepared(pair))


@pytest.fixture(scope="module")
def drawn(signature: Signature) -> Signature:
    """The example with figures for drawings; every second site has two ranges."""
    sites = [replace(s, details=_drawn(1.0 if s.index % 2 else 0.01)) for s in signature.sites[:31]]
    return replace(signature, sites=(*sites, signature.sites[31]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, drawn: Signature) -> Path:
    made = tmp_path_factory.mktemp("pages")
    (made / "report.html").write_text(to_html(drawn), "utf-8")
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with chromium() as page:
        yield page


@pytest.fixture
def page(browser: Page, folder: Path) -> Iterator[Page]:
    """The report, freshly opened; it must stay silent and ask for nothing but itself."""
    file = folder / "report.html"
    browser.open(file)
    yield browser
    assert browser.complaints == []
    assert browser.requests == [file.as_uri()]


def shown(page: Page) -> list[str]:
    """The names in the table, in their order on the page."""
    names: list[str] = page.evaluate(
        "[...document.querySelectorAll('#sites tbody tr')].filter(r => r.offsetParent)"
        ".map(r => r.querySelector('th').textContent)"
    )
    return names


def column(page: Page, title: str) -> list[str]:
    """What a column of the table of sites shows."""
    cells: list[str] = page.evaluate(
        "(() => { const t = document.querySelector('#sites table');"
        f" const k = [...t.tHead.rows[0].cells].findIndex(c => c.textContent === {title!r});"
        " return [...t.tBodies[0].rows].filter(r => r.offsetParent)"
        ".map(r => r.cells[k].textContent); })()"
    )
    return cells


def title(page: Page) -> str:
    return str(page.evaluate("document.getElementById('detail-title').textContent"))


def centre(page: Page, selector: str) -> tuple[float, float]:
    x, y = page.evaluate(
        f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView("
        "{block: 'center'}); const b = e.getBoundingClientRect();"
        " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
    )
    return x, y


def click(page: Page, selector: str) -> None:
    page.click(*centre(page, selector))


def ranges(page: Page) -> tuple[list[float], list[float]]:
    """What the plot shows of x and of y."""
    told = page.evaluate("[plot.dataset.x, plot.dataset.y]")
    x, y = ([float(end) for end in text.split()] for text in told)
    return x, y


def ink(page: Page, selector: str = "#plot canvas", *, value: str = "n + (v > 0)") -> int:
    """How many bytes of a canvas, or of all that it shows, are not zero; none where it is empty."""
    return int(
        page.evaluate(
            f"(() => {{ const c = document.querySelector({selector!r});"
            " const copy = Object.assign(document.createElement('canvas'),"
            " {width: c.width, height: c.height});"
            " const pen = copy.getContext('2d', {willReadFrequently: true});"
            " pen.drawImage(c, 0, 0);"
            " return pen.getImageData(0, 0, c.width, c.height).data"
            f".reduce((n, v) => {value}, 0); }})()"
        )
    )


def test_plot_and_drawings_of_the_site_that_bends_most_are_there(
    page: Page, drawn: Signature
) -> None:
    lowest = min((s for s in drawn.sites if s.affinity is not None), key=lambda s: s.affinity or 0)
    assert ink(page) > 10_000
    assert title(page) == f"{lowest.index} {lowest.name}"
    assert page.evaluate("document.querySelectorAll('#detail-body canvas').length") in (3, 4)
    assert ink(page, "#detail-body canvas") > 5000
    assert page.evaluate("getComputedStyle(document.querySelector('.still')).display") == "none"
    assert page.evaluate("document.getElementById('shown').textContent") == "32 of 32 shown"


def test_headers_sort_both_ways_and_leave_what_is_missing_last(page: Page) -> None:
    head = "#sites thead th:nth-child(5) button"
    click(page, head)
    up = [float(v) for v in column(page, "affinity") if v[0].isdigit()]
    assert up == sorted(up)
    assert len(up) == 27
    assert column(page, "affinity")[27:].count("unscored") == 3
    sort = "document.querySelector('#sites thead th:nth-child(5)').getAttribute('aria-sort')"
    assert page.evaluate(sort) == "ascending"
    page.press("Enter")  # the button has the focus
    assert [float(v) for v in column(page, "affinity")[:27]] == up[::-1]
    assert page.evaluate(sort) == "descending"
    click(page, "#sites thead th:nth-child(1) button")
    assert column(page, "#") == [str(i) for i in range(32)]
    assert page.evaluate(sort) is None
    click(page, "#sites thead th:nth-child(3) button")
    kinds = column(page, "activation")
    assert kinds == sorted(kinds, key=str.lower)
    assert kinds[0].startswith("HardSigmoid")


def test_filters_hide_rows_and_marks(page: Page, drawn: Signature) -> None:
    before = ink(page)
    for family in ("HardSigmoid", "HardSwish", "Relu", "LeakyRelu"):
        click(page, f"#families input[value={family}]")
    left = [s for s in drawn.sites if s.activation in ("Softmax", "Tanh")]
    assert len(shown(page)) == len(left)
    assert page.evaluate("document.getElementById('shown').textContent") == "4 of 32 shown"
    assert ink(page) < before
    click(page, "#all")
    assert len(shown(page)) == 32
    click(page, "#roles input[value=hidden]")
    assert len(shown(page)) == sum(s.role != "hidden" for s in drawn.sites)
    click(page, "#all")
    click(page, "#find")
    page.press(*"BLOCK.1")
    assert shown(page) == [s.name for s in drawn.sites if "block.1" in s.name]
    page.press(*"zzz")
    assert shown(page) == []


def test_keys_go_from_mark_to_mark_and_to_details(page: Page, drawn: Signature) -> None:
    page.evaluate("plot.focus()")
    page.press("Home", "ArrowRight", "ArrowRight")
    assert page.evaluate("said.textContent").startswith("2 features.0.block.2.act, HardSwish")
    assert page.evaluate("document.querySelector('.tip').hidden") is False
    page.press("ArrowLeft", "Enter")
    assert title(page) == f"1 {drawn.sites[1].name}"
    assert page.evaluate("document.activeElement.id") == "detail-title"
    words = page.evaluate("document.getElementById('detail-body').textContent")
    assert "Affinity 0.9500" in words
    assert "Other samples of the same source would give 0.9200 to 0.9800 (95 %)." in words
    page.evaluate("plot.focus()")
    page.press("End", " ")
    assert title(page) == "31 classifier.softmax"
    assert "No score: unscored: its role" in page.evaluate("details.textContent")
    assert "holds no distributions" in page.evaluate("details.textContent")


def test_the_name_in_the_table_leads_to_its_details(page: Page, drawn: Signature) -> None:
    page.evaluate("document.querySelectorAll('#sites tbody th button')[5].focus()")
    page.press("Enter")
    assert title(page) == f"5 {drawn.sites[5].name}"
    assert page.evaluate("document.activeElement.id") == "detail-title"
    current = "[...document.querySelectorAll('tr[aria-current]')].map(r => r.cells[0].textContent)"
    assert page.evaluate(current) == ["5"]
    click(page, "#next")
    assert title(page).startswith("6 ")
    click(page, "#previous")
    assert page.evaluate(current) == ["5"]


def test_a_mark_tells_under_the_pointer_and_opens_on_a_click(page: Page, drawn: Signature) -> None:
    x, y = page.evaluate(
        "(() => { plot.scrollIntoView(); const b = document.querySelector('#plot .u-over')"
        ".getBoundingClientRect(); const at = (v, [a, e]) => (v - a) / (e - a);"
        " const r = (t) => t.split(' ').map(Number);"
        " return [b.x + b.width * at(10, r(plot.dataset.x)),"
        f" b.y + b.height * (1 - at({drawn.sites[10].affinity}, r(plot.dataset.y)))]; }})()"
    )
    page.move(x + 3, y - 3)
    tip = page.evaluate("document.querySelector('.tip').textContent")
    assert tip.startswith(f"10 {drawn.sites[10].name}HardSigmoid, gate")
    page.click(x, y)
    assert title(page).startswith("10 ")
    page.move(5, 5)
    assert page.evaluate("document.querySelector('.tip').hidden") is True


def test_zoom_by_drag_buttons_and_keys_and_back(page: Page) -> None:
    whole = ranges(page)
    x, y = centre(page, "#plot .u-over")
    page.drag((x - 100, y - 60), (x + 100, y + 60))
    dragged = ranges(page)
    for wide, narrow in zip(whole, dragged, strict=True):
        assert wide[0] < narrow[0] < narrow[1] < wide[1]
    page.click(x, y, times=2)
    assert ranges(page) == whole
    click(page, "#zoom-in")
    half = ranges(page)
    assert half[0][1] - half[0][0] == pytest.approx((whole[0][1] - whole[0][0]) / 2)
    click(page, "#zoom-out")
    assert ranges(page)[0] == pytest.approx(whole[0])
    page.evaluate("plot.focus()")
    page.press("+", "+")
    assert ranges(page)[0][1] - ranges(page)[0][0] < half[0][1] - half[0][0]
    page.press("0")
    assert ranges(page) == whole
    click(page, "#zoom-in")
    click(page, "#zoom-reset")
    assert ranges(page) == whole


def test_dark_and_light_follow_the_system_and_the_button(page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground), ink(page, value="n + v")
    page.prefer(dark=True)
    page.settle()
    dark = page.evaluate(ground), ink(page, value="n + v")
    assert light[0] == "rgb(255, 255, 255)"
    assert dark[0] != light[0]
    assert dark[1] != light[1]  # the canvas is drawn anew
    click(page, "#theme")  # dark
    click(page, "#theme")  # light, whatever the system prefers
    assert page.evaluate(ground) == light[0]
    page.prefer(dark=False)
    click(page, "#theme")  # as the system
    assert page.evaluate(ground) == light[0]
    click(page, "#theme")
    assert page.evaluate(ground) == dark[0]


def test_further_scores_are_a_click_away(page: Page) -> None:
    assert "CKA" not in page.evaluate("document.querySelector('#sites').innerText")
    click(page, "#more")
    assert "CKA" in page.evaluate("document.querySelector('#sites').innerText")


def test_assistive_technology_is_told_what_things_are(page: Page) -> None:
    told = page.accessible()
    roles = {role for role, _ in told}
    assert {"banner", "main", "contentinfo", "search", "table", "toolbar", "status"} <= roles
    assert ("application", "Affinity score of every activation, in execution order") in told
    silent = {"button", "checkbox", "searchbox", "table", "region", "image", "application"}
    assert [role for role, name in told if role in silent and not name] == []
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("width", [390, 700, 1300])
def test_no_width_makes_the_page_scroll_sideways(browser: Page, folder: Path, width: int) -> None:
    browser.open(folder / "report.html", width=width)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    plot = browser.evaluate("document.querySelector('#plot canvas').getBoundingClientRect().width")
    assert width * 0.6 < plot <= width
    browser.resize(600, 900)
    browser.settle()
    resized = "document.querySelector('#plot canvas').getBoundingClientRect().width"
    assert 360 < browser.evaluate(resized) <= 600


def test_names_of_a_hostile_model_do_nothing(
    browser: Page, tmp_path: Path, drawn: Signature
) -> None:
    sites = tuple(
        replace(
            s,
            name=f"{EVIL}{s.index}",
            activation=EVIL if s.index == 3 else s.activation,
            input=EVIL,
            nodes=(EVIL,),
            warnings=(EVIL,),
            adequacy={**s.adequacy, "reason": EVIL},
        )
        for s in drawn.sites
    )
    evil = replace(
        drawn,
        sites=sites,
        model=replace(drawn.model, path=f"{EVIL}.onnx", producer=EVIL),
        data={**drawn.data, "source": EVIL},
        warnings=(EVIL,),
    )
    (tmp_path / "evil.html").write_text(
        several_to_html([(EVIL, evil), ("b", drawn)], compare([evil, drawn], labels=[EVIL, "b"])),
        "utf-8",
    )
    (tmp_path / "alone.html").write_text(to_html(evil), "utf-8")
    for file in ("alone.html", "evil.html"):
        browser.open(tmp_path / file)
        for _ in range(4):
            click(browser, "#next")
        browser.evaluate("plot.focus()")
        browser.press("Home", "Enter")
        assert EVIL[:20] in title(browser)
        assert browser.evaluate("window.hacked") is None
        assert browser.evaluate("document.querySelectorAll('img').length") == 0
        assert browser.complaints == []
        # what runs is the one script that the policy names
        browser.evaluate("document.body.append(Object.assign(document.createElement('script'),"
                         " {textContent: 'window.hacked = 1'}))")  # fmt: skip
        assert browser.evaluate("window.hacked") is None


def test_two_hundred_sites_are_no_burden(browser: Page, tmp_path: Path, drawn: Signature) -> None:
    sites = tuple(replace(drawn.sites[i % 31], index=i, name=f"site.{i}") for i in range(200))
    file = tmp_path / "many.html"
    file.write_text(to_html(replace(drawn, sites=sites)), "utf-8")
    assert file.stat().st_size < 2e6
    browser.open(file)
    assert len(shown(browser)) == 200
    assert ink(browser) > 10_000
    click(browser, "#find")
    browser.press(*"site.19")
    assert len(shown(browser)) == 11
    assert browser.complaints == []


def test_a_signature_without_a_site_is_a_page_too(
    browser: Page, tmp_path: Path, drawn: Signature
) -> None:
    (tmp_path / "empty.html").write_text(to_html(replace(drawn, sites=())), "utf-8")
    browser.open(tmp_path / "empty.html")
    assert browser.complaints == []
    assert "No activation got a score" in browser.evaluate("document.body.innerText")


@pytest.mark.parametrize("fewer", [0, 5])
def test_several_signatures_lie_over_one_another(
    browser: Page, tmp_path: Path, drawn: Signature, fewer: int
) -> None:
    other = replace(drawn, sites=drawn.sites[fewer:])
    members = [("old", drawn), ("new", other), ("newest", drawn)]
    page = several_to_html(
        members, compare([s for _, s in members], labels=["old", "new", "newest"])
    )
    (tmp_path / "several.html").write_text(page, "utf-8")
    browser.open(tmp_path / "several.html")
    assert browser.complaints == []
    assert len(shown(browser)) == 96 - fewer
    text = browser.evaluate("document.body.innerText")
    assert "new less old" in text
    assert "Distances between the signatures" in text
    click(browser, "#series input[value='1']")
    assert len(shown(browser)) == 64
    browser.evaluate("plot.focus()")
    browser.press("Home", "Enter")
    assert title(browser).startswith("old: 0 ")
    assert ranges(browser)[0][1] > (100 if fewer else 31)


def test_without_its_script_the_page_is_whole(
    browser: Page, folder: Path, drawn: Signature
) -> None:
    browser.open(folder / "report.html", script=False)
    told = browser.accessible()
    names = {name for _, name in told}
    assert "Affinity score of every activation, in execution order" in names
    assert "0.9500" in names
    assert not {"button", "searchbox", "application"} & {role for role, _ in told}
    assert {drawn.sites[i].name for i in (0, 1, 2)} <= names
    assert browser.complaints == []
