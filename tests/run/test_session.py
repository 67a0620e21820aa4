"""Sessions: named outputs, types as NumPy spells them, and every foreign error in our words."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnxruntime.capi import onnxruntime_pybind11_state as state

from onnx_affscore.errors import AllocationError, ProviderError, RunError
from onnx_affscore.run.providers import CPU, Device
from onnx_affscore.run.session import Session, runtime_versions, translated
from tests.builder import Builder

DEVICE = Device("cpu", (CPU,), strict=True)
ERRORS = sorted(
    (c for c in vars(state).values() if isinstance(c, type) and issubclass(c, Exception)),
    key=lambda c: c.__name__,
)


def network() -> Builder:
    g = Builder()
    g.output(g.op("Relu", g.input(["n", 2])), ["n", 2])
    return g


def opened(g: Builder, **options: Any) -> Session:
    return Session(g.proto(), DEVICE, folder=Path(), **options)


def test_outputs_come_by_name_and_only_those_asked_for() -> None:
    g = network()
    g.output(g.op("Neg", "x"), ["n", 2])
    first, second = (o.name for o in g.outputs)
    feeds = {"x": np.array([[-1, 2]], np.float32)}
    session = opened(g)
    assert session.outputs == (first, second)
    both = session.run([second, first], feeds)
    assert list(both) == [second, first]
    np.testing.assert_array_equal(both[first], [[0, 2]])
    assert list(session.run([first], feeds)) == [first]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "bool", "uint8"])
def test_types_are_spelled_as_numpy_does(dtype: str) -> None:
    g = Builder()
    g.output(g.op("Identity", g.input(["n"], dtype=dtype)), ["n"], dtype=dtype)
    assert set(opened(g).types.values()) == {dtype}


def test_a_sequence_keeps_the_runtimes_name() -> None:
    g = Builder()
    made = g.op("SequenceConstruct", g.input(["n"]))
    kind = helper.make_tensor_sequence_value_info(made, onnx.TensorProto.FLOAT, None)
    g.outputs.append(kind)
    assert opened(g).types[made] == "seq(tensor(float))"


def test_a_session_names_its_device_and_provider() -> None:
    session = opened(network())
    assert (session.device, session.providers, session.notices) == ("cpu", (CPU,), ())


@pytest.mark.parametrize("optimisation", ["all", "basic", "disabled"])
def test_every_level_of_optimisation_runs(optimisation: str) -> None:
    g = network()
    output = g.outputs[0].name
    fetched = opened(g, optimisation=optimisation, threads=1).run(
        [output], {"x": np.ones((1, 2), np.float32)}
    )
    np.testing.assert_array_equal(fetched[output], [[1, 1]])


def test_there_are_classes_of_errors_to_translate() -> None:
    assert {"Fail", "InvalidArgument", "InvalidGraph", "NotImplemented"} <= {
        c.__name__ for c in ERRORS
    }


@pytest.mark.parametrize("error", [*ERRORS, RuntimeError, ValueError, TypeError, UnicodeError])
def test_every_error_of_the_runtime_becomes_ours(error: type[Exception]) -> None:
    said = "cannot run it: ONNX Runtime says"
    with pytest.raises(RunError, match=said) as caught, translated("cannot run it"):
        raise error("[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : bad\nnews")
    assert "\n" not in str(caught.value)
    assert "[ONNXRuntimeError]" not in str(caught.value)
    assert isinstance(caught.value.__cause__, error)


def test_running_out_of_memory_is_named() -> None:
    with pytest.raises(AllocationError, match="out of memory"), translated("cannot run it"):
        raise MemoryError


# Messages as the runtime and CUDA's libraries write them, places in their sources shortened.
@pytest.mark.parametrize(
    "message",
    [
        "/src/bfc_arena.cc:359 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) "
        "Failed to allocate memory for requested buffer of size 8589934592",
        "Non-zero status code returned while running Conv node. Name:'c' Status Message: "
        "/src/bfc_arena.cc:376 Available memory of 2424832 is smaller than requested bytes of 4e6",
        "CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; expr=cudaMalloc((void**)&p, size);",
        "CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED ; GPU=0",
        "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0",
        "std::bad_alloc",
    ],
)
def test_memory_that_ran_out_is_told_from_other_failures(message: str) -> None:
    said = "cannot run it: ONNX Runtime says"
    with pytest.raises(AllocationError, match=said), translated("cannot run it"):
        raise RuntimeError(message)


@pytest.mark.parametrize(
    "message", ["bad node: allocator Cpu is unknown", "Got: 3 Expected: 2", "memory pattern off"]
)
def test_other_failures_are_no_lack_of_memory(message: str) -> None:
    with pytest.raises(RunError) as caught, translated("cannot run it"):
        raise RuntimeError(message)
    assert not isinstance(caught.value, AllocationError)


@pytest.mark.parametrize("error", [ProviderError("mine"), KeyboardInterrupt()])
def test_our_errors_and_an_interrupt_pass_unchanged(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, translated("cannot run it"):
        raise error
    assert caught.value is error


def test_the_place_in_the_runtimes_source_is_left_out() -> None:
    text = "/onnxruntime_src/core/graph/model.cc:181 onnxruntime::Model::Model(x, y) ModelProto bad"
    with pytest.raises(RunError) as caught, translated("cannot load it"):
        raise RuntimeError(text)
    assert "model.cc" not in str(caught.value)
    assert str(caught.value).endswith("ModelProto bad")


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({"x": np.ones((1, 3), np.float32)}, "Got: 3 Expected: 2"),
        ({"x": np.ones((1, 2))}, "float"),
        ({}, "x"),
        ({"y": np.ones((1, 2), np.float32)}, "y"),
    ],
    ids=["shape", "type", "missing", "unknown"],
)
def test_wrong_feeds_are_our_errors(feeds: dict[str, Any], message: str) -> None:
    g = network()
    with pytest.raises(RunError, match=message):
        opened(g).run([g.outputs[0].name], feeds)


def test_a_model_that_the_runtime_refuses_is_our_error() -> None:
    g = network()
    g.op("NoSuchOperator", "x")
    with pytest.raises(RunError, match=r"cannot load the model: .*NoSuchOperator"):
        opened(g)


@pytest.mark.parametrize(("opset", "ir"), [(9999, 8), (17, 99)])
def test_a_model_from_the_future_is_our_error(opset: int, ir: int) -> None:
    g = network()
    g.opset, g.ir = opset, ir
    with pytest.raises(RunError, match="cannot load the model"):
        opened(g)


def test_a_library_of_operators_that_is_none_is_our_error(tmp_path: Path) -> None:
    library = tmp_path / "ops.so"
    library.write_bytes(b"no library")
    with pytest.raises(RunError, match="cannot load the model"):
        opened(network(), custom_operators=(str(library),))


def test_the_runtime_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    g = network()
    with pytest.raises(RunError):
        opened(g).run([g.outputs[0].name], {"x": np.ones((1, 3), np.float32)})
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_versions_for_the_record_are_plain_text() -> None:
    versions = runtime_versions()
    assert {"onnxruntime", "onnx", "numpy"} <= set(versions)
    assert all(type(v) is str for v in versions.values())
