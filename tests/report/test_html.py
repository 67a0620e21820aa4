"""The HTML page: whole, harmless, and on its own."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from onnx_affscore.records import Signature
from onnx_affscore.report.html import to_html
from onnx_affscore.report.svg import signature_svg

VOID = {"meta", "br", "input"}
OWN_SCRIPTS = ["data", None]  # the ids of the data and of the page's own script


class Page(HTMLParser):
    """Collects the elements of a page and sees that every one is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1:] == [tag]
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data


def markup(page: str) -> str:
    """What a browser shows without running the script."""
    return page.partition("<script")[0]


def scripts(page: Page) -> int:
    return page.tags.count("script")


@pytest.fixture(scope="module")
def text(signature: Signature) -> str:
    return to_html(signature)


def test_every_element_is_closed(text: str) -> None:
    assert Page(text).open == []


def test_names_are_text_and_never_markup(text: str) -> None:
    page = Page(text)
    assert scripts(page) == len(OWN_SCRIPTS)
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_the_page_loads_nothing_and_runs_its_own_script_alone(text: str) -> None:
    assert "http://" not in text
    assert "https://" not in text
    names = {name for name, _ in Page(text).attributes}
    assert not names & {"src", "href", "onload", "onclick", "srcset"}
    assert "default-src 'none'" in text
    (digest,) = re.findall(r"script-src '(sha256-[^']+)'", text)
    own = text.rpartition("<script>")[2].partition("</script>")[0]
    assert digest == f"sha256-{b64encode(sha256(own.encode()).digest()).decode()}"


def test_the_page_is_below_two_megabytes_with_two_hundred_sites(signature: Signature) -> None:
    sites = tuple(replace(signature.sites[i % 32], index=i) for i in range(200))
    page = to_html(replace(signature, sites=sites))
    assert len(page.encode()) < 2e6
    assert len(to_html(replace(signature, sites=())).encode()) < 120_000  # what is no data


def test_the_page_holds_every_site_and_every_mark(text: str, signature: Signature) -> None:
    page = Page(text)
    scored = len(signature.values)
    assert page.tags.count("title") == 1 + len(signature.sites)
    assert markup(text).count('class="cross"') == 1 + len(signature.sites) - scored
    for site in signature.sites:
        if site.affinity is not None:
            assert f">{site.affinity:.4f}</td>" in text


def test_headers_of_tables_say_what_they_head(text: str) -> None:
    page = Page(text)
    assert page.tags.count("th") == sum(name == "scope" for name, _ in page.attributes)
    assert page.tags.count("caption") == page.tags.count("table") == 3


@pytest.mark.parametrize(
    "told",
    [
        "the output is constant up to rounding",
        "a few of the 2048 samples decide",
        "the last batch held 12 samples",
        "bounds a value that quantisation made",
        "/mask/Where",
        "0123456789abcdef" * 4,
        "fedcba9876543210" * 4,
        "onnxruntime 1.31.1",
        "CPUExecutionProvider",
        "LeakyRelu(alpha=0.01)",
        "prefers-color-scheme: dark",
    ],
)
def test_the_page_tells(text: str, told: str) -> None:
    assert told in text


def test_every_score_has_its_interval_or_a_verdict_with_its_reason(
    text: str, signature: Signature
) -> None:
    given = [site for site in signature.sites if site.scores["affinity_low"] is not None]
    assert len(given) == 20
    for site in given:
        low, high = site.scores["affinity_low"], site.scores["affinity_high"]
        assert f">{low:.4f} – {high:.4f}</td>" in text
    lacking = len(signature.values) - len(given)
    assert text.count('class="verdict"') == lacking
    assert text.count('class="ring"') == 1 + lacking  # one in the legend
    assert 'title="a few of the 2048 samples decide">few decide</span>' in text
    assert "<dt>with an interval</dt><dd>20 of 27</dd>" in text


def test_a_reason_is_text_and_never_markup(signature: Signature) -> None:
    site = signature.sites[22]
    judged = {**site.adequacy, "reason": '"><script>', "verdict": "<b>\x1b"}
    page = to_html(replace(signature, sites=(replace(site, adequacy=judged),)))
    assert Page(page).open == []
    assert "b" not in Page(page).tags
    assert scripts(Page(page)) == len(OWN_SCRIPTS)
    assert "\x1b" not in page


def test_marks_tell_their_interval_or_verdict(signature: Signature) -> None:
    drawing = signature_svg(signature)
    assert "affinity 0.5500, 95 % interval 0.5400 to 0.5600</title>" in drawing
    assert "affinity 0.4469, no interval: few samples</title>" in drawing
    assert drawing.count('class="interval"') == 20


def test_a_file_that_judges_no_n_has_no_columns_for_it(signature: Signature) -> None:
    ends = dict.fromkeys(("affinity_low", "affinity_high"))
    site = signature.sites[0]
    silent = replace(site, scores={**site.scores, **ends}, adequacy={})
    page = markup(to_html(replace(signature, sites=(silent,))))
    assert "95 % interval" not in page
    assert "verdict on n" not in page
    assert "with an interval" not in page


def test_rows_that_were_left_out_are_listed_with_their_reasons(signature: Signature) -> None:
    rows = [{"row": row, "reason": f"<{row}.png>: found no image"} for row in (4, 9)]
    skipped = {"count": 3, "rows": rows}
    page = Page(to_html(replace(signature, data={**signature.data, "skipped": skipped})))
    for told in ("3 rows left out", "row 4: <4.png>: found no image", "row 9: ", "and 1 more"):
        assert told in page.text
    assert page.open == []


def test_synthetic_input_is_announced(signature: Signature, text: str) -> None:
    assert "The input was made up" not in text
    assert "The input was made up" in to_html(
        replace(signature, data={**signature.data, "synthetic": True})
    )


def test_a_page_without_scores_says_so(signature: Signature) -> None:
    page = to_html(replace(signature, sites=(signature.sites[4],)))
    assert "No activation got a score" in page
    assert Page(page).open == []


def test_a_score_below_zero_widens_the_drawing(signature: Signature) -> None:
    site = signature.sites[0]
    low = replace(site, scores={**site.scores, "affinity": -0.33})
    drawing = signature_svg(replace(signature, sites=(low, site)))
    assert ">-0.2</text>" in drawing
    assert ">-0.2</text>" not in signature_svg(signature)


@pytest.mark.parametrize("many", [1, 2, 13, 400])
def test_an_axis_has_a_readable_number_of_labels(signature: Signature, many: int) -> None:
    sites = tuple(replace(signature.sites[0], index=i) for i in range(many))
    drawing = signature_svg(replace(signature, sites=sites))
    assert 1 <= drawing.count('text-anchor="middle">') - 2 <= 13
