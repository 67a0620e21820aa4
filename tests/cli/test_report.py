"""``report``: a saved signature in every format, several on one page, and what is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from onnx_affscore import Signature, signature
from onnx_affscore.cli.main import main
from onnx_affscore.errors import AffscoreError
from onnx_affscore.report import FORMATS

MODELS = Path(__file__).parent.parent.parent / "models"

Report = Callable[..., Result]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    for seed in (0, 1):
        model = MODELS / "seeds" / f"relu_mlp_seed{seed}.onnx"
        found = signature(model, [str(MODELS / "digits.npz")], samples=150)
        found.to_json(folder / f"seed{seed}.json")
    return folder


@pytest.fixture
def report(saved: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    monkeypatch.chdir(saved)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["report", *arguments], catch_exceptions=False)

    return call


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_that_of_a_fresh_signature(name: str, report: Report, saved: Path) -> None:
    suffix = FORMATS[name].suffix
    assert report("seed0.json", "-o", f"by_suffix{suffix}").exit_code == 0
    assert report("seed0.json", "-o", "named", "--format", name).exit_code == 0
    written = (saved / f"by_suffix{suffix}").read_bytes()
    assert written
    if name not in ("svg", "pdf"):  # these hold the time
        assert (saved / "named").read_bytes() == written
        wanted = FORMATS[name].render(Signature.from_json(saved / "seed0.json"))
        assert written == (wanted.encode() if isinstance(wanted, str) else wanted)


def test_the_page_of_a_saved_signature_has_its_details(report: Report, saved: Path) -> None:
    assert report("seed0.json", "-o", "page.html").output == ""
    page = (saved / "page.html").read_text("utf-8")
    data = page.partition('id="data">')[2].partition("</script>")[0]
    (first, *_) = json.loads(data)["sites"]
    assert set(first["details"]) == {"before", "after", "shape", "spectrum"}
    assert report("seed0.json", "-o", "-").stdout == page


def test_several_signatures_make_one_page_with_their_differences(
    report: Report, saved: Path
) -> None:
    assert report("seed0.json", "seed1.json", "-o", "both.html").exit_code == 0
    page = (saved / "both.html").read_text("utf-8")
    assert "<h1>2 non-linearity signatures compared</h1>" in page
    assert "seed1 less seed0" in page
    assert "Distance of the two signatures (dtw):" in page


def test_a_model_without_a_score_can_be_compared_too(report: Report, saved: Path) -> None:
    found = Signature.from_json(saved / "seed0.json")
    replace(found, sites=()).to_json(saved / "empty.json")
    assert report("seed0.json", "empty.json", "-o", "empty.html").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["seed0.json", "-o", "x.foo"], "x.foo: no format has such a suffix"),
        (["seed0.json", "-o", "x.html", "--format", "foo"], "no format 'foo'; wanted one of json"),
        (["seed0.json", "seed1.json", "-o", "x.csv"], "found 2 signatures; csv takes one"),
        (["folder", "-o", "x.html"], "found no signature in folder"),
        (["folder", "-o", "missing/x.html"], "found no signature in folder"),
        (["seed0.json", "-o", "missing/x.html"], r"folder .* does not exist"),
        (["text.json", "-o", "x.html"], "text.json is not a signature"),
    ],
)
def test_what_cannot_be_rendered_is_refused(
    arguments: list[str], told: str, report: Report, saved: Path
) -> None:
    (saved / "folder").mkdir(exist_ok=True)
    (saved / "text.json").write_text("{}")
    with pytest.raises(AffscoreError, match=told):
        report(*arguments)
    (saved / "text.json").unlink()


def test_an_output_must_be_named(report: Report) -> None:
    result = report("seed0.json")
    assert result.exit_code == 2
    assert "--output" in result.output
