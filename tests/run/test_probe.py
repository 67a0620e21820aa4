"""One run on a sample and one on two tell what no file states for certain."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from onnx_affscore.errors import RunError
from onnx_affscore.graph.instrument import expose
from onnx_affscore.records import Array, Batch
from onnx_affscore.run.probe import Exposures, Probe, probe
from onnx_affscore.run.providers import CPU, Device
from onnx_affscore.run.session import Session
from tests.builder import Builder

ASKED = Exposures({"t": "shape"})


class FakeRunner:
    """Answers with the shape that a function makes of the batch size."""

    types: Mapping[str, str] = {"t": "float16"}

    def __init__(self, shape: Callable[[int], object]) -> None:
        self.shape, self.sizes = shape, list[int]()

    def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> dict[str, Array]:
        size = len(feeds["x"])
        self.sizes.append(size)
        return dict.fromkeys(names, np.asarray(self.shape(size), np.int64))


def batches(count: int = 100) -> Callable[[int], Batch | None]:
    return lambda size: Batch({"x": np.zeros(size)}, size) if size <= count else None


def test_an_open_batch_is_run_with_one_and_with_two() -> None:
    runner = FakeRunner(lambda n: [n, 7])
    found = probe(runner, ASKED, batches(), fixed=None)
    assert runner.sizes == [1, 2]
    assert found.batch_size is None
    tensor = found.tensors["t"]
    assert (tensor.dtype, tensor.shape, tensor.larger) == ("float16", (1, 7), (2, 7))
    assert (tensor.samples, tensor.growth) == (1, 2)


def test_a_fixed_batch_is_run_once_with_its_size() -> None:
    runner = FakeRunner(lambda n: [n, 7])
    found = probe(runner, ASKED, batches(), fixed=4)
    assert runner.sizes == [4]
    assert found.batch_size == 4
    assert (found.tensors["t"].shape, found.tensors["t"].larger) == ((4, 7), None)


def _only_one(size: int) -> list[int]:
    if size > 1:
        raise RunError("the Reshape is for one")
    return [1, 7]


def test_a_batch_size_baked_into_the_graph_is_found() -> None:
    found = probe(FakeRunner(_only_one), ASKED, batches(), fixed=None)
    assert found.batch_size == 1
    assert found.tensors["t"].larger is None


def squeezed(size: int) -> list[int]:
    return [7] if size == 1 else [size, 7]


def test_a_tensor_that_drops_its_sample_axis_is_probed_with_two_and_four() -> None:
    runner = FakeRunner(squeezed)
    found = probe(runner, ASKED, batches(), fixed=None)
    assert (runner.sizes, found.least, found.batch_size) == ([1, 2, 4], 2, None)
    tensor = found.tensors["t"]
    assert (tensor.shape, tensor.larger, tensor.samples) == ((2, 7), (4, 7), 2)
    few = probe(FakeRunner(squeezed), ASKED, batches(3), fixed=None)  # nothing to compare with
    assert (few.least, few.tensors["t"].shape) == (1, (7,))


def test_a_model_that_fails_on_one_sample_alone_is_probed_with_two_and_four() -> None:
    def several(size: int) -> list[int]:
        if size == 1:
            raise RunError("a Conv wants four axes")
        return [size, 7]

    assert probe(FakeRunner(several), ASKED, batches(), fixed=None).least == 2
    with pytest.raises(RunError, match="a Conv wants four axes") as caught:
        probe(FakeRunner(several), ASKED, batches(3), fixed=None)
    assert caught.value.__cause__ is not None


def test_a_single_sample_is_run_alone() -> None:
    runner = FakeRunner(lambda n: [n, 7])
    assert probe(runner, ASKED, batches(1), fixed=None).batch_size == 1
    assert runner.sizes == [1]


def test_data_short_of_a_fixed_batch_is_an_error() -> None:
    with pytest.raises(RunError, match="batches of 4 samples and the data has fewer"):
        probe(FakeRunner(lambda n: [n]), ASKED, batches(3), fixed=4)


def test_a_model_that_does_not_run_at_all_is_an_error() -> None:
    def fail(size: int) -> object:
        raise RunError("broken")

    with pytest.raises(RunError, match="broken"):
        probe(FakeRunner(fail), ASKED, batches(), fixed=None)


def test_iterations_of_loops_stand_in_front_of_the_shape() -> None:
    asked = Exposures({"t": "shape"}, stacked={"t": 1})
    found = probe(FakeRunner(lambda n: [[n, 7]] * 5), asked, batches(), fixed=None)
    assert (found.tensors["t"].shape, found.tensors["t"].larger) == ((5, 1, 7), (5, 2, 7))
    assert found.tensors["t"].stacked == 1


@pytest.mark.parametrize("never", [{1, 2}, {1}, {2}])
def test_what_a_run_did_not_reach_is_left_out(never: set[int]) -> None:
    runner = FakeRunner(lambda n: [] if n in never else [n, 7])
    runner.types = {}  # a tensor of a subgraph is no output
    asked = Exposures({"t": "shape"}, {"t": "float16"})
    assert probe(runner, asked, batches(), fixed=None).tensors == {}


def test_a_tensor_without_axes_is_told_from_one_that_was_not_reached() -> None:
    found = probe(FakeRunner(lambda n: []), ASKED, batches(), fixed=None).tensors["t"]
    assert (found.shape, found.larger) == ((), ())


def test_types_that_the_session_does_not_state_come_from_the_graph() -> None:
    asked = Exposures({"inner": "shape"}, dtypes={"inner": "float64"})
    found = probe(FakeRunner(lambda n: [n, 7]), asked, batches(), fixed=None)
    assert found.tensors["inner"].dtype == "float64"


def real(batch: int | str, reshape: list[int] | None, dtype: str = "float32") -> Probe:
    """Probe a network of one Relu behind a Reshape."""
    g = Builder(dtype=dtype)
    x = g.input([batch, 6])
    if reshape is not None:
        x = g.op("Reshape", x, g.tensor(np.array(reshape, np.int64)))
    relu = g.op("Relu", x)
    g.output(relu)
    exposed = expose(g.proto(), [relu])
    session = Session(exposed.proto, Device("cpu", (CPU,), strict=True), folder=Path())
    found = probe(
        session,
        Exposures(exposed.shapes),
        lambda n: Batch({"x": np.zeros((n, 6), dtype)}, n),
        fixed=batch if isinstance(batch, int) else None,
    )
    assert list(found.tensors) == [relu]
    assert found.tensors[relu].dtype == dtype
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_a_real_model_of_open_batch(dtype: str) -> None:
    found = real("n", [-1, 2, 3], dtype)
    (tensor,) = found.tensors.values()
    assert (found.batch_size, tensor.shape, tensor.larger) == (None, (1, 2, 3), (2, 2, 3))


def test_a_real_model_of_fixed_batch() -> None:
    found = real(3, None)
    (tensor,) = found.tensors.values()
    assert (found.batch_size, tensor.shape, tensor.samples) == (3, (3, 6), 3)


def test_a_real_model_whose_reshape_bakes_the_batch_in() -> None:
    found = real("n", [1, 2, 3])
    (tensor,) = found.tensors.values()
    assert (found.batch_size, tensor.shape, tensor.larger) == (1, (1, 2, 3), None)
