"""``--resume DIR``: what is gone on with, and what is refused."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from onnx_affscore import Signature, signature
from onnx_affscore.cli import score
from onnx_affscore.collect import Part
from onnx_affscore.errors import (
    AllocationError,
    DataError,
    OptionError,
    StorageError,
)
from onnx_affscore.leaving import in_place
from onnx_affscore.records import Array, Batch
from onnx_affscore.resume.folder import open_kept
from onnx_affscore.resume.pass_log import Ran
from onnx_affscore.run.session import Session
from tests.builder import Builder
from tests.faults.graphs import lengths, tokens
from tests.test_measure import WIDTH, mlp

X = np.random.default_rng(1).normal(size=(100, WIDTH)).astype(np.float32)
SIZE = 10


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return mlp(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "kept"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Samples of every run of a model."""
    seen: list[int] = []
    run = Session.run

    def spied(self: Session, names: Any, feeds: Any) -> Any:
        seen.append(len(next(iter(feeds.values()))))
        return run(self, names, feeds)

    monkeypatch.setattr(Session, "run", spied)
    return seen


def broken_off(
    model: Path,
    data: Any,
    monkeypatch: pytest.MonkeyPatch,
    *,
    runs: int = 20,
    **options: Any,
) -> None:
    """A start that ends in the middle of the data, at one of the runs of the model."""
    run, left = Session.run, runs

    def failing(self: Session, names: Any, feeds: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt
        return run(self, names, feeds)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "run", failing)
        with pytest.raises(KeyboardInterrupt):
            signature(model, data, **{"batch_size": SIZE} | options)


def same(one: Signature, other: Signature) -> None:
    """Everything but the seconds."""
    runs = [{k: v for k, v in s.run.items() if k != "seconds"} for s in (one, other)]
    assert replace(one, run={}) == replace(other, run={})
    assert runs[0] == runs[1]


def test_a_run_that_failed_goes_on_where_it_was(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, calls: list[int]
) -> None:
    plain = signature(model, X, batch_size=SIZE)
    unbroken = len(calls)
    broken_off(model, X, monkeypatch, resume=folder)
    calls.clear()
    seen: list[tuple[int, int | None]] = []
    found = signature(
        model, X, batch_size=SIZE, resume=folder, progress=lambda *at: seen.append(at)
    )
    assert unbroken - len(calls) > 8  # batches of the first start
    same(found, plain)
    assert seen[0][0] > SIZE
    assert seen[-1] == (100, 100)


def test_a_finished_run_is_only_scored_again(model: Path, folder: Path, calls: list[int]) -> None:
    first = signature(model, X, batch_size=SIZE, resume=folder)
    calls.clear()
    seen: list[tuple[int, int | None]] = []
    again = signature(
        model, X, batch_size=SIZE, resume=folder, progress=lambda *at: seen.append(at)
    )
    same(again, first)
    assert calls == [1, 2]  # the probe
    assert seen == [(100, 100)]


def test_what_only_scoring_looks_at_may_change(model: Path, folder: Path, calls: list[int]) -> None:
    signature(model, X, batch_size=SIZE, resume=folder)
    knobs: dict[str, Any] = {"covariance": "ledoit-wolf", "metrics": ("cka",), "details": False}
    calls.clear()
    found = signature(model, X, batch_size=SIZE, resume=folder, **knobs)
    assert calls == [1, 2]
    same(found, signature(model, X, batch_size=SIZE, **knobs))


def test_feeds_go_on_too(model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feeds = [{"x": part.astype(np.float64)} for part in np.split(X, [7, 31, 32, 80])]
    broken_off(model, feeds, monkeypatch, resume=folder, samples=97)
    found = signature(model, feeds, batch_size=SIZE, resume=folder, samples=97)
    plain = signature(model, feeds, batch_size=SIZE, samples=97)
    same(found, plain)
    assert any("read up to 97" in note for note in found.data["notes"])
    same(signature(model, feeds, batch_size=SIZE, resume=folder, samples=97), plain)


def test_the_size_that_memory_bears_is_remembered(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, calls: list[int]
) -> None:
    run = Session.run

    def narrow(self: Session, names: Any, feeds: Any) -> Any:
        if len(next(iter(feeds.values()))) > 6:
            raise AllocationError("no memory")
        return run(self, names, feeds)

    monkeypatch.setattr(Session, "run", narrow)
    plain = signature(model, X, batch_size=SIZE)
    broken_off(model, X, monkeypatch, runs=40, resume=folder)
    calls.clear()
    found = signature(model, X, batch_size=SIZE, resume=folder)
    assert found.run["batch_size"] == 4
    same(found, plain)


def test_classes_know_their_rows(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data: dict[str, Any] = {"x": X, "y": np.arange(100) % 2}
    options: dict[str, Any] = {"batch_size": SIZE, "label": "y", "by": "label", "metrics": ()}
    plain = signature(model, data, **options)
    broken_off(model, data, monkeypatch, resume=folder, **options)
    same(signature(model, data, resume=folder, **options), plain)


@pytest.mark.parametrize("pool", ["flatten", "positions"])
def test_tensors_that_change_their_shape_are_remembered(
    pool: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, feeds = tokens(["n", "t", 6]).save(tmp_path / "tokens.onnx"), lengths(7, 7, 9, 9)
    plain = signature(model, feeds, batch_size=SIZE, roles="all", pool=pool)
    broken_off(model, feeds, monkeypatch, runs=16, roles="all", pool=pool, resume=folder)
    same(signature(model, feeds, batch_size=SIZE, roles="all", pool=pool, resume=folder), plain)


def other(array: Array, row: int) -> Array:
    changed = array.copy()
    changed[row] += 1
    return changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed 1, kept 0"),
        ({"batch_size": 11}, "batch_size 11, kept 10"),
        ({"samples": 90}, "rows 90, kept 100; samples 90, kept null"),
        ({"pool": "flatten"}, "pool flatten, kept mean"),
        ({"sparsity": "none", "threads": 1}, "sparsity none, kept first; threads 1, kept 0"),
        ({"exclude": "first"}, "exclude first, kept null"),
    ],
)
def test_another_option_is_refused(
    change: dict[str, Any], message: str, model: Path, folder: Path
) -> None:
    options: dict[str, Any] = {"batch_size": SIZE, "resume": folder}
    plain = signature(model, X, **options)
    kept = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(OptionError, match=f"it keeps another run: .*{message}.*; give the command"):
        signature(model, X, **options | change)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == kept
    same(signature(model, X, **options), plain)


def test_another_model_is_refused(model: Path, folder: Path, tmp_path: Path) -> None:
    signature(model, X, resume=folder)
    g = Builder()
    g.output(g.dense(g.op("Relu", g.dense(g.input(["n", WIDTH]), WIDTH, 5)), 5, 4))
    with pytest.raises(OptionError, match=r"keeps another run: model [0-9a-f]+, kept [0-9a-f]+;"):
        signature(g.save(tmp_path / "other.onnx"), X, resume=folder)


@pytest.mark.parametrize("row", [0, 99])
def test_data_that_changed_at_an_end_are_refused(row: int, model: Path, folder: Path) -> None:
    signature(model, X, batch_size=SIZE, resume=folder)
    with pytest.raises(DataError, match=r"batch \d+ of the data is not the one that was run"):
        signature(model, other(X, row), batch_size=SIZE, resume=folder)


def test_another_device_is_refused(folder: Path) -> None:
    with open_kept(folder, dict) as kept:
        log = kept.begin("a", [], [])
        assert list(log.finished()) == []
        done = [(Batch({}, 1), Part({}, 1))]
        log.append(done, size=1, stop=1, ran=Ran("cuda", (), (), 1), grown={}, noted={})
        log.check_device("cuda")
        with pytest.raises(OptionError, match="ran on cuda, this start runs on cpu"):
            log.check_device("cpu")


def test_another_machine_is_a_warning(model: Path, folder: Path) -> None:
    signature(model, X, resume=folder)
    run = json.loads((folder / "run.json").read_text())
    run["machine"]["processor"] = "Z80"
    (folder / "run.json").write_text(json.dumps(run))
    found = signature(model, X, resume=folder)
    assert any("another machine" in w and "Z80" in w for w in found.warnings)


def test_a_folder_with_other_things_is_refused_and_stays(model: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("x")
    with pytest.raises(OptionError, match=r"holds other things \(thesis.tex\)"):
        signature(model, X, resume=folder)
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("name", "content"), [("lock", "of the door"), ("run.json", '{"precious": 1}')]
)
def test_a_file_that_has_a_name_of_ours_and_is_not_is_refused_and_stays_alone(
    name: str, content: str, model: Path, folder: Path
) -> None:
    folder.mkdir(parents=True)
    (folder / name).write_text(content)
    with pytest.raises(OptionError, match=r"other things \(lock\)|is no record of a run"):
        signature(model, X, resume=folder)
    assert [(p.name, p.read_text()) for p in folder.iterdir()] == [(name, content)]


def test_the_lock_of_a_start_that_came_no_further_is_no_other_thing(
    model: Path, folder: Path
) -> None:
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    signature(model, X, resume=folder)


def test_an_empty_name_is_refused_and_leaves_nothing(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    with pytest.raises(OptionError, match="resume is an empty name; wanted a folder"):
        signature(model, X, resume="")
    done = CliRunner().invoke(score.command, [str(model), "--resume", ""])
    assert (done.exit_code, "the name is empty; wanted a folder" in done.output) == (2, True)
    assert list(folder.iterdir()) == []


def test_what_a_start_left_half_written_is_no_other_thing(model: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    with in_place(folder / "run.json") as part:
        part.write_text("{")
    (folder / "run.json").rename(part)
    signature(model, X, resume=folder)


def test_a_file_in_place_of_the_folder_is_refused(model: Path, folder: Path) -> None:
    with pytest.raises(OptionError, match="it is a file; wanted a folder"):
        signature(model, X, resume=model)


@pytest.mark.parametrize("content", ['{"journal": 1', "[" * 200_000], ids=["cut", "deep"])
def test_a_damaged_list_of_the_run_is_refused(content: str, model: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(content)
    with pytest.raises(OptionError, match=r"run\.json there cannot be read"):
        signature(model, X, resume=folder)


@pytest.mark.parametrize("content", ["[]", '["seed"]', "null", "7"])
def test_a_list_of_the_run_that_is_something_else_is_refused(
    content: str, model: Path, folder: Path
) -> None:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(content)
    said = re.escape(f"run.json there holds {content}, which is no record of a run")
    with pytest.raises(OptionError, match=said):
        signature(model, X, resume=folder)


def test_two_processes_do_not_share_a_folder(model: Path, folder: Path) -> None:
    with open_kept(folder, dict), pytest.raises(OptionError, match="another process is at work"):
        signature(model, X, resume=folder)


def test_a_place_that_cannot_be_made_is_said(model: Path) -> None:
    with pytest.raises(StorageError, match=r"--resume /proc/kept: .*; choose another place"):
        signature(model, X, resume="/proc/kept")
