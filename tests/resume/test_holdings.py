"""What a folder holds is counted without reading a row: as whole records stand in its journals."""

from pathlib import Path

import numpy as np
import pytest

from onnx_affscore import signature
from onnx_affscore.resume.holdings import holdings
from onnx_affscore.resume.journal import Journal, Record, heads
from tests.resume.test_resume import SIZE, X, broken_off
from tests.test_measure import mlp


def told(folder: Path) -> str:
    return holdings(folder).replace(str(folder), "DIR")


def test_a_finished_run_is_told_whole_and_a_broken_one_by_its_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, done, broken = mlp(tmp_path), tmp_path / "done", tmp_path / "broken"
    signature(model, X, batch_size=SIZE, resume=done, metrics=())
    assert told(done) == f"{len(X)} samples are kept in DIR"
    broken_off(model, X, monkeypatch, resume=broken)
    found = told(broken)
    assert found.endswith("0 samples are kept in DIR")
    before = {p.name: p.read_bytes() for p in broken.iterdir()}
    assert 0 < int(found.split()[0]) < len(X)
    assert {p.name: p.read_bytes() for p in broken.iterdir()} == before
    assert told(tmp_path) == "samples of 2 models are kept in DIR"


def kept(path: Path, *sizes: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    journal = Journal(path)
    assert list(journal.records()) == []
    journal.append(Record({"taps": []}))
    for size in sizes:
        journal.append(Record({"batch": {"samples": size}}, [np.zeros((size, 3))]))
    journal.close()
    return path


def test_of_groups_of_sites_the_last_one_counts(tmp_path: Path) -> None:
    for name, sizes in {"2-lean": (10, 10), "10-lean": (7,), "11-census": (64,)}.items():
        kept(tmp_path / f"group-{name}.journal", *sizes)
    assert told(tmp_path) == "7 samples are kept in DIR"


def test_the_first_look_is_no_measure_of_the_work(tmp_path: Path) -> None:
    kept(tmp_path / "census.journal", 64)
    assert told(tmp_path) == "no batch beyond the first look is kept in DIR yet"


@pytest.mark.parametrize("lost", [1, 72, 100, 1000])
def test_a_record_that_was_cut_off_does_not_count(lost: int, tmp_path: Path) -> None:
    path = kept(tmp_path / "all.journal", 5, 3)
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])
    journal = Journal(path)
    found = [r.head["batch"]["samples"] for r in journal.records() if "batch" in r.head]
    journal.close()
    path.write_bytes(whole[:-lost])
    assert [h["batch"]["samples"] for h in heads(path) if "batch" in h] == found


def test_what_is_no_folder_of_ours_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "lean.journal").write_bytes(b"dear diary " * 100)
    (tmp_path / "all.journal").mkdir()
    for folder in (tmp_path, tmp_path / "nowhere", tmp_path / "lean.journal"):
        assert told(folder) == "no batch beyond the first look is kept in DIR yet"
