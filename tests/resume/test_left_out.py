"""``--resume`` where samples are left out: some cannot be read, on some the model fails."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_affscore import signature
from onnx_affscore.data.columns import Column, ColumnSource
from onnx_affscore.errors import OptionError, RunError, UnreadableRowsError
from onnx_affscore.records import Array
from onnx_affscore.run.session import Session
from tests.resume.test_resume import SIZE, X, broken_off, same
from tests.test_measure import WIDTH, mlp

SKIP: dict[str, Any] = {"on_error": "skip"}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return mlp(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def fails_on(monkeypatch: pytest.MonkeyPatch, *bad: int) -> None:
    """Let the model fail on these rows of the data."""
    known = {float(X[row, 0]) for row in bad}
    run = Session.run

    def choosy(self: Session, names: Any, feeds: Any) -> Any:
        if known & set(next(iter(feeds.values()))[:, 0].tolist()):
            raise RunError("index out of range")
        return run(self, names, feeds)

    monkeypatch.setattr(Session, "run", choosy)


def test_rows_that_were_left_out_stay_out(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, met = {3, *range(70, 80), 85}, list[int]()

    def read(rows: Array) -> Array:
        found = bad & set(rows.tolist())
        met.extend(found)
        if found:
            raise UnreadableRowsError({row: f"row {row} is torn" for row in found})
        return np.asarray(X[rows])

    def opened(*_: object, **__: object) -> ColumnSource:
        return ColumnSource({"x": Column((1, WIDTH), 100, read)}, name="x", skip=True)

    monkeypatch.setattr("onnx_affscore.measurement.open_source", opened)
    plain = signature(model, X, batch_size=SIZE)
    assert plain.data["skipped"]["count"] == len(bad)
    broken_off(model, X, monkeypatch, runs=16, resume=folder)
    met.clear()
    same(signature(model, X, batch_size=SIZE, resume=folder), plain)
    assert met
    met.clear()
    same(signature(model, X, batch_size=SIZE, resume=folder), plain)
    assert set(met) <= {3}  # by the probe, which knows of no earlier start


def test_samples_on_which_the_model_failed_stay_out(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = (5, *range(70, 80), 85, 99)
    fails_on(monkeypatch, *bad)
    options: dict[str, Any] = {"batch_size": SIZE} | SKIP
    plain = signature(model, X, **options)
    assert plain.data["skipped"]["count"] == len(bad)
    for runs in (20, 30, 21):
        broken_off(model, X, monkeypatch, runs=runs, resume=folder, **options)
    for _ in range(2):
        same(signature(model, X, resume=folder, **options), plain)


@pytest.mark.parametrize("batch_size", [5, SIZE])  # the census takes 64: the last of 5 is cut
@pytest.mark.parametrize("bad", [(5, 40), tuple(range(10, 15)), (62, 70)], ids=str)
def test_the_census_is_no_longer_for_samples_that_failed_in_it(
    bad: tuple[int, ...],
    batch_size: int,
    model: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fails_on(monkeypatch, *bad)
    options: dict[str, Any] = {"batch_size": batch_size} | SKIP
    plain = signature(model, X, **options)
    assert plain.run["samples_counted"] == 64 - sum(row < 64 for row in bad)
    broken_off(model, X, monkeypatch, runs=10, resume=folder, **options)  # inside the census
    assert not (folder / "lean.journal").exists()
    for _ in range(2):
        same(signature(model, X, resume=folder, **options), plain)


def test_a_folder_that_does_not_tell_of_them_is_refused(model: Path, folder: Path) -> None:
    signature(model, X, resume=folder)
    run = (folder / "run.json").read_text()
    (folder / "run.json").write_text(run.replace('"journal": 2', '"journal": 1'))
    with pytest.raises(
        OptionError, match=r"keeps another run: journal 2, kept 1; .*another folder"
    ):
        signature(model, X, resume=folder)
