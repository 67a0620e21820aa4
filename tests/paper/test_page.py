"""The page, the text and the plain data show every check, whatever its name."""

import json
import re

from onnx_affscore.errors import MissingExtraError
from onnx_affscore.paper.outcome import Claim, Figure, Outcome, Table, check
from onnx_affscore.paper.page import to_html
from onnx_affscore.paper.plain import to_plain
from onnx_affscore.paper.text import score_line, to_text

NASTY = "<script>alert(1)</script>"
OUTCOME = Outcome(
    experiment="thing",
    title=f"A title {NASTY}",
    about="About it.",
    checks=(
        check("good", 0.5, published=0.5, tolerance=1e-5),
        check(NASTY, 0.7, published=0.5, tolerance=1e-5, note="wrong"),
        check("none", None, published=0.5, tolerance=1e-5),
    ),
    claims=(Claim("Skips help", False, "0.1 against 0.2"),),
    tables=(Table("Numbers", ("a", "b"), [(1, 0.25), (None, NASTY)], "a remark"),),
    figures=(
        Figure(
            "Curve",
            "A caption.",
            "curves",
            {
                "steps": [1, 2],
                "series": {"s": [0.1, None]},
                "references": {"s": {1: 0.1}},
                "x_label": "x",
                "y_label": "y",
            },
        ),
    ),
    notes=("a note",),
    missing=("a model",),
)


def test_the_page_is_whole_and_harmless() -> None:
    page = to_html([OUTCOME], places={"thing": ("shows", "section 1")})
    assert NASTY not in page
    assert "<script" not in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    for words in ("Checks that failed (2)", "Not run.", "not seen", "section 1", "a note", "none"):
        assert words in page
    assert "data:image/svg+xml;base64," in page
    assert page.count(">fail<") >= 3


def test_without_matplotlib_the_page_says_what_to_install() -> None:
    def draw(figure: Figure) -> str:
        raise MissingExtraError("matplotlib", extra="plot", purpose="drawing a figure")

    page = to_html([OUTCOME], draw=draw)
    assert "Not drawn" in page
    assert "onnx-affscore[plot]" in page


def test_the_text_has_ours_published_and_verdict() -> None:
    text = to_text([OUTCOME])
    assert re.search(r"good +0\.500000 +0\.500000 +1e-05 +pass", text)
    assert re.search(r"0\.700000 +0\.500000 +1e-05 +FAIL +wrong", text)
    assert "not run: a model" in text
    assert score_line([OUTCOME]) == "1 of 3 checks passed\n"


def test_plain_data_are_json_with_every_check() -> None:
    plain = json.loads(json.dumps(to_plain([OUTCOME]), allow_nan=False))
    (found,) = plain["experiments"]
    assert found["verdict"] == "fail"
    assert [c["passed"] for c in found["checks"]] == [True, False, False]
    assert found["figures"][0]["data"]["references"] == {"s": {"1": 0.1}}


def test_what_did_not_run_is_named_in_the_last_line() -> None:
    nothing = Outcome(experiment="zoo", title="t", about="a", missing=("models",))
    assert score_line([nothing]) == "nothing to check; not run: zoo\n"
