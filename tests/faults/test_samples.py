"""A model that fails on some samples: they are named, or left out, counted and listed."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto

from onnx_affscore import Signature, signature
from onnx_affscore.cli.main import run
from onnx_affscore.errors import RunError
from onnx_affscore.faults import Faults
from onnx_affscore.halving import Halving
from onnx_affscore.records import Array, Batch, InputHint, TensorSpec
from onnx_affscore.reproduce import reproduce
from tests.builder import Builder
from tests.faults.graphs import ROWS, two_sites
from tests.faults.test_shapes import reshaped

DATA = np.tile(ROWS, (2, 1)).astype(np.float32)
HINTS = (InputHint(TensorSpec("x", "float32", ("n",)), 0),)
SAID = "indices element out of data bounds"


def looked_up(g: Builder, y: str) -> str:
    """Add a row of a table of three, which the first number of a sample chooses."""
    first = g.op("Slice", "x", *(g.const(np.array([i])) for i in (0, 1, 1)))
    index = g.op("Squeeze", g.op("Cast", first, to=TensorProto.INT64), g.const(np.array([1])))
    table = g.tensor(np.random.default_rng(7).normal(size=(3, 5)))
    return g.op("Add", y, g.op("Gather", table, index))


def choosy(folder: Path, *, batch: int | str = "n") -> Path:
    """A network that takes only samples that begin with a number below 3."""
    return two_sites(looked_up, batch=batch).save(folder / "choosy.onnx")


def data(*bad: int) -> Array:
    found = DATA.copy()
    found[:, 0] = np.arange(len(found)) % 3
    found[list(bad), 0] = 9
    return found


def without(*bad: int) -> Array:
    return np.delete(data(*bad), bad, axis=0)


def listed(found: Signature) -> list[int]:
    return [entry["row"] for entry in found.data["skipped"]["rows"]]


@pytest.mark.parametrize("bad", [37, 150])  # in the census, and behind it
@pytest.mark.parametrize("batch_size", [None, 16, 1])
def test_the_error_names_the_sample_the_reason_and_the_cure(
    bad: int, batch_size: int | None, tmp_path: Path
) -> None:
    said = rf"sample {bad} of the data \(counted from 0\): .*Gather.*{SAID}.*--on-error skip"
    with pytest.raises(RunError, match=said):
        signature(choosy(tmp_path), data(bad), batch_size=batch_size)


def test_the_first_sample_is_named_where_it_is_probed(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=f"{SAID}.* first sample of the data.*--on-error skip"):
        signature(choosy(tmp_path), data(0))


@pytest.mark.parametrize(
    ("bad", "options"),
    [
        ([0], {}),
        ([1], {"batch_size": 16}),
        ([0, 1, 2], {"memory_limit": 10**6}),
        ([37, 38, 199], {"batch_size": 16}),
        (list(range(60)), {}),
        ([5, 150], {"sparsity": "all"}),
        ([5, 150], {"verify": False}),
    ],
    ids=str,
)
def test_skipping_gives_what_the_data_without_the_samples_give(
    bad: list[int], options: dict[str, Any], tmp_path: Path
) -> None:
    path = choosy(tmp_path)
    options = {**options, "metrics": (), "details": False}
    found = signature(path, data(*bad), on_error="skip", **options)
    clean = signature(path, without(*bad), **options)
    assert listed(found) == bad
    assert found.data["skipped"]["count"] == len(bad)
    assert SAID in found.data["skipped"]["rows"][0]["reason"]
    assert found.data["sha256"] == clean.data["sha256"]
    assert found.data["samples"] == len(DATA) - len(bad)
    assert found.run["outputs_verified"] == clean.run["outputs_verified"]
    assert [s.samples for s in found.sites] == [s.samples for s in clean.sites]
    np.testing.assert_allclose(found.values, clean.values, rtol=1e-6)  # batches of other sizes
    (warning,) = [w for w in found.warnings if "left out" in w]
    first = f"row {bad[0]} (counted from 0), "
    assert warning.startswith(
        f"1 row could not be run and was left out: {first}"
        if len(bad) == 1
        else f"{len(bad)} rows could not be run and were left out, listed in the signature's"
        f" data.skipped; the first: {first}"
    )
    assert not clean.data["skipped"]["count"]


def test_a_fixed_batch_is_filled_up_around_the_samples_that_fail(tmp_path: Path) -> None:
    path = choosy(tmp_path, batch=8)
    found = signature(path, data(3, 150), on_error="skip")
    assert listed(found) == [3, 150]
    np.testing.assert_allclose(found.values, signature(path, without(3, 150)).values, rtol=1e-6)


def test_where_no_sample_runs_there_is_no_signature(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=SAID):
        signature(choosy(tmp_path), data(*range(200)), on_error="skip")


def test_a_signature_with_rows_left_out_is_written_read_and_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", data(37))
    file = tmp_path / "s.json"
    arguments = ["score", str(choosy(tmp_path)), "--data", str(tmp_path / "x.npy")]
    with pytest.raises(SystemExit) as caught:
        run(arguments)
    assert caught.value.code == 3
    assert "error: sample 37 of the data" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        run([*arguments, "--on-error", "skip", "--json", str(file)])
    assert caught.value.code == 0
    assert json.loads(file.read_text("utf-8"))["data"]["skipped"]["count"] == 1
    assert reproduce(Signature.from_json(file)).reproduced


def test_a_tap_that_fails_says_so_and_no_sample_is_left_out_for_it(tmp_path: Path) -> None:
    rows = np.random.default_rng(3).normal(size=(40, 12)).astype(np.float32)
    feeds = [{"x": rows, "shape": np.array(shape)} for shape in ([-1, 3, 4], [-1, 12])]
    path = reshaped().save(tmp_path / "model.onnx")
    said = r"The node is a tap of '\w+', which has another shape in samples 40 to .* --exclude"
    with pytest.raises(RunError, match=said):
        signature(path, feeds, on_error="skip")


def batch(size: int) -> Batch:
    return Batch({"x": np.arange(size)}, size, rows=np.arange(size))


def halving(lost: dict[int, str], *, skip: bool, size: int = 64) -> tuple[Halving, Faults]:
    faults = Faults(lost, skip=skip, hints=HINTS)
    made = Halving(Mock, size, hints=HINTS, faults=faults)
    assert made.session is not None  # open: what fails then is a batch
    return made, faults


@given(st.integers(1, 64), st.sets(st.integers(0, 63)))
def test_every_other_sample_is_run_once_and_in_order(size: int, bad: set[int]) -> None:
    lost: dict[int, str] = {}
    halved, faults = halving(lost, skip=True)
    runs = 0

    def attempt(part: Batch) -> list[int]:
        nonlocal runs
        runs += 1
        values = [int(v) for v in part.feeds["x"]]
        if bad.intersection(values):
            raise RunError("no")
        return values

    found = [v for _, made in halved.run(batch(size), attempt) for v in made]
    bad &= set(range(size))
    assert found == sorted(set(range(size)) - bad)
    assert set(lost) == bad
    assert faults.notices == ()
    assert runs <= 1 + 2 * len(bad) * max(1, int(np.ceil(np.log2(size))))
    runs = 0
    again = [v for _, made in halved.run(batch(size), attempt) for v in made]
    assert (again, runs) == (found, 1 if found else 0)  # those that fail are known by now


def test_a_batch_that_fails_as_a_whole_alone_is_run_in_halves_with_a_notice() -> None:
    halved, _ = halving({}, skip=False)

    def attempt(part: Batch) -> int:
        if part.size > 4:
            raise RunError("a buffer is for four")
        return part.size

    for _ in range(2):
        assert sum(made for _, made in halved.run(batch(16), attempt)) == 16
    assert halved.size == 4  # the second batch did not fail again
    (notice,) = halved.notices
    assert "1 batch(es) failed as a whole" in notice
    assert "samples 0 to 15 (a buffer is for four); a smaller --batch-size" in notice


def test_a_network_that_takes_few_samples_together_is_run_with_few(tmp_path: Path) -> None:
    def counted(g: Builder, y: str) -> str:
        """Look the number of samples up in a table that ends at five."""
        first = (g.const(np.array([i])) for i in (0, 1))
        count = g.op("Slice", g.op("Shape", y), *first)
        place = g.op("Sub", count, g.const(np.array([1])))
        return g.op("Add", y, g.op("Gather", g.tensor(np.zeros(5)), place))

    path = two_sites(counted).save(tmp_path / "model.onnx")
    found, small = signature(path, DATA), signature(path, DATA, batch_size=4)
    assert found.run["batch_size"] == 4
    assert found.run["outputs_verified"]
    np.testing.assert_allclose(found.values, small.values, rtol=1e-6)
    assert sum("failed as a whole" in w for w in found.warnings) == 1
    assert not found.data["skipped"]["count"]
    assert not small.warnings


def test_a_model_that_cannot_be_opened_is_not_tried_on_smaller_batches() -> None:
    opened = []

    def start() -> Any:
        opened.append(1)
        raise RunError("cannot load the model")

    lost: dict[int, str] = {}
    halved = Halving(start, 16, hints=HINTS, faults=Faults(lost, skip=True, hints=HINTS))
    with pytest.raises(RunError, match="cannot load"):
        list(halved.run(batch(16), lambda part: halved.session))
    assert (len(opened), lost) == (1, {})
