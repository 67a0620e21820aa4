"""A small campaign of damaged files against the commands; ``tools/fuzz`` runs large ones."""

import gc
import sys
from pathlib import Path

import pytest

from tools.fuzzing.__main__ import material
from tools.fuzzing.cases import KINDS, Case, make_case
from tools.fuzzing.outcome import judge
from tools.fuzzing.pool import Limits, Ran, run_cases, warm_up
from tools.fuzzing.proto_mutations import MUTATIONS
from tools.fuzzing.table import summary

MUTANTS = 60
SOUND = material(small=True)

forking = pytest.mark.skipif(sys.platform != "linux", reason="children are forked and limited")


@forking
def test_every_damaged_file_ends_in_a_result_or_a_clear_error(tmp_path: Path) -> None:
    warm_up()
    gc.freeze()
    cases = (make_case(1, number, SOUND) for number in range(MUTANTS))
    found = []
    outcomes = []
    for ran in run_cases(cases, tmp_path, workers=2, limits=Limits(cpu=60, wall=300)):
        outcome = judge(ran)
        outcomes.append(outcome.name)
        if outcome.name == "violation":
            found.append((ran.case.number, ran.case.how, outcome.kind, outcome.detail[-800:]))
    gc.unfreeze()
    assert found == []
    assert {"result", "clear error"} <= set(outcomes)
    assert len(outcomes) == MUTANTS


def test_a_case_is_the_same_each_time_and_every_kind_is_drawn() -> None:
    cases = [make_case(3, number, SOUND) for number in range(120)]
    assert cases == [make_case(3, number, SOUND) for number in range(120)]
    assert {case.kind for case in cases} == set(KINDS)
    drawn = " ".join(case.how for case in cases)
    assert sum(name in drawn for name in MUTATIONS) > len(MUTATIONS) // 2


def _left(folder: Path, *, code: object = 0, err: str = "", trace: str = "", died: int = 0) -> Ran:
    for name in ("in", "out", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    note = {"command": ["sites", "m"], "code": code, "out": "", "err": err, "trace": trace}
    return Ran(Case(0, "structure", "", {}, [["sites"]]), folder, died, False, (note,), 0)


@pytest.mark.parametrize(
    ("told", "name", "kind"),
    [
        ({}, "result", ""),
        ({"code": 3, "err": "error: found this\n"}, "clear error", ""),
        ({"code": 3, "err": "error: internal error, KeyError\n"}, "violation", "internal error"),
        ({"code": 3, "trace": "KeyError: 1"}, "violation", "internal error"),
        ({"code": 3}, "violation", "no message"),
        ({"code": 2, "err": "error: x\n"}, "violation", "exit code"),
        ({"err": "RuntimeWarning: overflow\n"}, "violation", "stray text"),
        ({"err": "error: \x1b[2J\n"}, "violation", "steering characters"),
        ({"err": f"error: {'x' * 4000}\n"}, "violation", "long message"),
        ({"died": 11}, "runtime crash", "signal 11"),
    ],
)
def test_a_broken_promise_is_seen(
    told: dict[str, object], name: str, kind: str, tmp_path: Path
) -> None:
    outcome = judge(_left(tmp_path, **told))  # type: ignore[arg-type]
    assert (outcome.name, outcome.kind) == (name, kind)


@pytest.mark.parametrize(
    ("file", "content", "kind"),
    [
        ("out/a.json", '{"a": NaN}', "bad JSON"),
        ("out/a.csv", "name\r\n=1+1\r\n", "formula"),
        ("out/a.md", "<script>alert(1)", "raw markup"),
        ("out/a.xml", "a\u202eb", "steering characters"),
        ("elsewhere.txt", "x", "file outside"),
        ("tmp/left", "x", "temporary file left"),
    ],
)
def test_a_bad_file_is_seen(file: str, content: str, kind: str, tmp_path: Path) -> None:
    ran = _left(tmp_path)
    (tmp_path / file).write_text(content, "utf-8", newline="")
    assert judge(ran).kind == kind


def test_the_table_adds_up() -> None:
    counts = {("structure", "result"): 3, ("policy", "clear error"): 2}
    text = summary(counts, {"timeout: sites": 1}, seconds=2.5, contained=[True], crashes=1)
    assert "| all | 5 | 3 | 2 | 0 | 0 |" in text
    assert "5 mutants in 2 s, 2.0 a second" in text
    assert "1 of 1 run again with --isolate were contained" in text
