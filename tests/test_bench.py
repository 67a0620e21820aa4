"""The benchmark harness: its table has the right shape, its figures the right arithmetic."""

import re
from pathlib import Path

import numpy as np
import pytest

from tools.benchmarks import __main__ as bench
from tools.benchmarks.contest import Contest, compete
from tools.benchmarks.rows import Row, Spread, alternated, compared
from tools.benchmarks.table import replace_block, replace_lines, summary, table
from tools.benchmarks.variants import PLAIN, TAPS, VARIANTS

MODEL = Path(__file__).parents[1] / "models" / "torch_resnet.onnx"
AIM = "time <= 1.15, memory <= 1.3"


def test_every_benchmark_is_a_module_that_runs() -> None:
    for module in bench.BENCHMARKS.values():
        assert callable(bench.load(module))


def test_a_model_gets_a_row_for_each_variant_and_its_lines_in_the_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page, readme = tmp_path / "benchmarks.md", tmp_path / "README.md"
    page.write_text("before\n<!-- bench:inference -->\nold\n<!-- /bench:inference -->\nafter\n")
    readme.write_text("| what |\n| old <!-- bench:inference --> |\n| other |\n")
    monkeypatch.setattr(bench, "PAGE", page)
    monkeypatch.setattr(bench, "README", readme)
    bench.main(["--only", "inference", "--models", str(MODEL), "--rounds", "1", "--write"])

    lines = page.read_text().splitlines()
    assert lines[:2] == ["before", "<!-- bench:inference -->"]
    assert lines[-2:] == ["<!-- /bench:inference -->", "after"]
    assert "old" not in lines
    header, _, *rows = [_cells(line) for line in lines if line.startswith("|")]
    assert {len(row) for row in rows} == {len(header)}
    figures = [dict(zip(header, row, strict=True)) for row in rows]
    small = [f for f in figures if f["case"] == "torch_resnet, batch 8"]
    assert [f["variant"] for f in small] == list(VARIANTS)
    # At the batch size that a measurement chooses only those run that hold no whole tensor.
    assert [f["variant"] for f in figures if f not in small] == [
        PLAIN, TAPS, "taps, data hashed", "taps and sparsity",
    ]  # fmt: skip
    for figure in figures:
        assert float(figure["peak MiB"]) > 0
        assert (figure["baseline"] == "") == (figure["variant"] == PLAIN)
        assert (figure["wanted"] == AIM) == (figure["variant"] == TAPS)
    assert re.fullmatch(
        rf"\| what \|\n\| inference: taps / plain \|[^\n]*2 cases[^\n]*\| {AIM}"
        r" <!-- bench:inference --> \|\n\| other \|\n",
        readme.read_text(),
    )
    assert table_of(capsys.readouterr().out) == [line for line in lines if line.startswith("|")]


def test_a_process_that_cannot_start_its_variant_says_why(tmp_path: Path) -> None:
    contest = Contest(shape=(1, 3), batch_size=1, device="cpu", rounds=1)
    result = compete({PLAIN: tmp_path / "missing.onnx"}, contest)[PLAIN]
    assert result.error is not None
    assert "missing.onnx" in result.error
    assert result.seconds == []


def test_ratios_are_taken_round_by_round() -> None:
    # The machine gets ten times slower in the second round; the ratio does not notice.
    plain, ours = compared("case", {"plain": [1, 10, 1], "ours": [2, 20, 3]}, baseline="plain")
    assert plain.ratio is None
    assert ours.ratio == Spread(2.0, 2.0, 2.5)


def test_every_call_is_timed_once_a_round_in_turn() -> None:
    calls: list[str] = []
    seconds = alternated({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=2)
    assert calls == ["a", "b", "a", "b"]
    assert {name: len(times) for name, times in seconds.items()} == {"a": 2, "b": 2}


def test_the_spread_is_median_and_quartiles() -> None:
    values = np.random.default_rng(0).permutation(101)
    assert Spread.of(values.tolist()) == Spread(50.0, 25.0, 75.0)


def test_a_variant_that_failed_shows_its_reason_and_no_figures() -> None:
    rows = [
        Row(case="m", variant="a", seconds=Spread(0.5, 0.25, 1.0)),
        Row(case="m", variant="b", note="MemoryError"),
    ]
    header, _, first, second = (_cells(line) for line in table(rows).splitlines())
    assert header == ["case", "variant", "time", "note"]
    assert first == ["m", "a", "500 [250, 1000] ms", ""]
    assert second == ["m", "b", "", "MemoryError"]


def test_the_summary_has_the_median_over_cases_and_their_range() -> None:
    rows = [
        Row(
            case=str(ratio),
            variant="ours",
            baseline="theirs",
            ratio=Spread(ratio, ratio, ratio),
            wanted=">= 20",
        )
        for ratio in (10.0, 30.0, 200.0)
    ]
    assert summary("scoring", rows) == [
        "| scoring: ours / theirs | 30.0 (10.0 to 200, 3 cases) |  | >= 20 <!-- bench:scoring --> |"
    ]


def test_a_page_without_a_place_for_the_table_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- bench:other -->\n")
    with pytest.raises(ValueError, match="bench:mine"):
        replace_block(page, "mine", "text")
    with pytest.raises(ValueError, match="bench:mine"):
        replace_lines(page, "mine", ["line"])
    assert page.read_text() == "<!-- bench:other -->\n"


def test_the_pages_have_a_place_for_every_benchmark() -> None:
    page = bench.PAGE.read_text("utf-8")
    for name in bench.BENCHMARKS:
        assert f"<!-- bench:{name} -->\n" in page
        assert f"<!-- /bench:{name} -->\n" in page


def table_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|")]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]
