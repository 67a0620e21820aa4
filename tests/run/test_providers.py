"""A device that is asked for by name is the one that computes, or there is an error."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from onnx_affscore.errors import OptionError, ProviderError
from onnx_affscore.run import starting
from onnx_affscore.run.providers import CPU, CUDA, Device, check_assignment, parse_device
from onnx_affscore.run.session import Session
from tests.builder import Builder

BOTH = (CUDA, CPU)
STRICT = Device("cuda", (CUDA, CPU), strict=True)
LENIENT = Device("auto", (CUDA, CPU), strict=False)
SHAPES = (CPU, "Gather", "shape_of_batch")
RELU = (CPU, "Relu", "act")


@pytest.mark.parametrize(
    ("text", "wanted", "strict", "index"),
    [
        ("cpu", CPU, True, 0),
        ("auto", CUDA, False, 0),
        ("cuda", CUDA, True, 0),
        ("cuda:3", CUDA, True, 3),
    ],
)
def test_a_device_is_parsed(text: str, wanted: str, strict: bool, index: int) -> None:
    device = parse_device(text, BOTH)
    assert (device.name, device.wanted, device.strict, device.index) == (
        text, wanted, strict, index,
    )  # fmt: skip


def test_auto_is_the_cpu_where_the_build_has_no_cuda() -> None:
    assert parse_device("auto", (CPU,)).wanted == CPU


def test_cuda_computes_in_full_single_precision() -> None:
    first, second = parse_device("cuda:1", BOTH).providers
    assert first == (CUDA, {"device_id": 1, "use_tf32": 0})
    assert second == CPU


@pytest.mark.parametrize(
    "text", ["", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cuda:²", "cpu:0", "auto:1"]
)
def test_another_device_is_an_unknown_option(text: str) -> None:
    with pytest.raises(OptionError, match="wanted auto, cpu, cuda or cuda:N"):
        parse_device(text, BOTH)


def test_cuda_without_the_provider_says_what_to_install() -> None:
    with pytest.raises(ProviderError, match=r"has no CUDA provider \(it has CPU.*onnxruntime-gpu"):
        parse_device("cuda", (CPU,))


def test_a_device_that_took_everything_gives_no_notice() -> None:
    assert check_assignment(STRICT, BOTH, [(CUDA, "Relu", "act")]) == ()
    assert check_assignment(Device("cpu", (CPU,), strict=True), (CPU,), []) == ()


def test_operators_on_shapes_may_stay_on_the_cpu() -> None:
    assert check_assignment(STRICT, BOTH, [SHAPES, (CUDA, "Relu", "act")]) == ()


def test_a_strict_device_never_falls_back_as_a_whole() -> None:
    with pytest.raises(ProviderError, match=r"could not be started .* took CPUExecutionProvider"):
        check_assignment(STRICT, (CPU,), [])


def test_a_strict_device_never_falls_back_for_one_node() -> None:
    with pytest.raises(ProviderError, match=r"1 node\(s\) have no CUDA.* kernel: Relu 'act'"):
        check_assignment(STRICT, BOTH, [(CUDA, "Conv", "c"), RELU])


def test_auto_says_that_it_fell_back() -> None:
    (whole,) = check_assignment(LENIENT, (CPU,), [])
    assert whole == "CUDAExecutionProvider could not be started: running on CPUExecutionProvider"
    (some,) = check_assignment(LENIENT, BOTH, [RELU])
    assert "they run on the CPU" in some


@pytest.fixture
def cuda_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build with CUDA on a machine where it does not start."""
    monkeypatch.setattr(starting, "available_providers", lambda: BOTH)
    monkeypatch.setattr(starting, "_cuda_failure", lambda index: "the driver is missing")


@pytest.mark.usefixtures("cuda_fails")
def test_cuda_that_does_not_start_is_an_error_with_its_cause() -> None:
    with pytest.raises(ProviderError, match="CUDA does not start: the driver is missing"):
        starting.start_device("cuda:1")


@pytest.mark.usefixtures("cuda_fails")
@pytest.mark.parametrize("driver", [True, False])
def test_auto_then_takes_the_cpu_and_says_so_where_a_gpu_was_to_be_expected(
    driver: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "_DRIVER_FILES", [str(tmp_path if driver else tmp_path / "no")])
    device, notices = starting.start_device("auto")
    assert device.wanted == CPU
    assert notices == (
        ("running on the CPU, CUDA does not start: the driver is missing",) if driver else ()
    )


def test_what_starts_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "available_providers", lambda: BOTH)
    monkeypatch.setattr(starting, "_cuda_failure", lambda index: None)
    assert starting.start_device("cuda") == (parse_device("cuda", BOTH), ())
    assert starting.built_and_started() == (BOTH, ("cpu", "cuda"))


def test_the_cpu_is_never_asked_whether_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(index: int) -> Any:
        raise AssertionError("CUDA was started")

    monkeypatch.setattr(starting, "_cuda_failure", fail)
    assert starting.start_device("cpu")[0].wanted == CPU


def _cuda_here() -> bool:
    return CUDA in ort.get_available_providers() and starting._cuda_failure(0) is None


def test_without_a_gpu_the_failure_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    if _cuda_here():
        pytest.skip("this machine has a CUDA device")
    if CUDA in ort.get_available_providers():
        starting._cuda_failure.cache_clear()
        failure = starting._cuda_failure(0)
        assert failure
        assert "\n" not in failure
        assert capfd.readouterr().out == ""  # stdout is data
    with pytest.raises(ProviderError, match="CUDA"):
        starting.start_device("cuda")


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_session_alone_is_as_strict() -> None:
    if _cuda_here():
        pytest.skip("this machine has a CUDA device")
    g = Builder()
    g.output(g.op("Relu", g.input(["n", 2])), ["n", 2])
    with pytest.raises(ProviderError, match="took CPUExecutionProvider instead"):
        Session(g.proto(), STRICT, folder=Path())


@pytest.mark.gpu
@pytest.mark.skipif(not _cuda_here(), reason="no CUDA device on this machine")
def test_cuda_computes_the_network_and_agrees_with_the_cpu() -> None:
    g = Builder()
    g.output(g.dense(g.op("Relu", g.dense(g.input(["n", 64]), 64, 64)), 64, 8), ["n", 8])
    feeds = {"x": np.random.default_rng(0).normal(size=(32, 64)).astype(np.float32)}
    output = g.outputs[0].name
    results = {}
    for text in ("cuda", "cpu"):
        device, notices = starting.start_device(text)
        session = Session(g.proto(), device, folder=Path())
        assert (session.device, session.notices, notices) == (text, (), ())
        results[text] = session.run([output], feeds)[output]
    # sums of 64 products in another order, without TF32
    np.testing.assert_allclose(results["cuda"], results["cpu"], rtol=1e-5, atol=1e-5)
