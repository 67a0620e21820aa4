"""The page on figures names each of them, and its example runs."""

import re
from pathlib import Path

import pytest

from onnx_affscore.records import Signature
from onnx_affscore.report.figures import FIGURES

PAGE = (Path(__file__).parents[3] / "docs" / "figures.md").read_text("utf-8")


@pytest.mark.parametrize("name", FIGURES)
def test_the_page_says_how_each_figure_is_made(name: str) -> None:
    assert f"`figures.{name}(" in PAGE


def test_the_example_of_the_page_runs(
    signature: Signature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.json", "b.json"):
        signature.to_json(name)
    [example] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(example, "docs/figures.md", "exec"), {})
    assert (tmp_path / "histogram.pdf").read_bytes().startswith(b"%PDF")
