"""Memory that runs out in the probe, in the census and on a device, with the runtime's messages."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from onnx_affscore import signature
from onnx_affscore.errors import AllocationError
from onnx_affscore.records import Array
from onnx_affscore.run.session import Session, translated
from tests.faults.graphs import ROWS, two_sites

CPU_SAYS = (
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running"
    " MatMul node. Name:'m' Status Message: /src/bfc_arena.cc:359 void* onnxruntime::BFCArena::"
    "AllocateRawInternal(size_t, bool) Failed to allocate memory for requested buffer of size 9000"
)
CUDA_SAYS = "CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; expr=cudaMalloc((void**)&p, n);"
DATA = np.tile(ROWS, (2, 1))
# Sums of a few float32 products in batches of other sizes.
ROUNDING = 1e-5

Starve = Callable[..., list[str]]


@pytest.fixture
def starve(monkeypatch: pytest.MonkeyPatch) -> Starve:
    """Have sessions bear no more than ``most`` samples; returns the devices of those opened."""

    def inject(most: int, message: str, device: str = "cpu") -> list[str]:
        opened: list[str] = []
        run, start = Session.run, Session.__init__

        def within(
            self: Session, names: Sequence[str], feeds: Mapping[str, Array]
        ) -> dict[str, Array]:
            with translated("cannot run the model"):
                if max(len(a) for a in feeds.values()) > most:
                    raise RuntimeError(message)
            return run(self, names, feeds)

        def noted(self: Session, *arguments: object, **options: object) -> None:
            opened.append(device)
            start(self, *arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(Session, "run", within)
        monkeypatch.setattr(Session, "__init__", noted)
        monkeypatch.setattr(Session, "device", device)
        return opened

    return inject


@pytest.mark.parametrize(("device", "message"), [("cpu", CPU_SAYS), ("cuda", CUDA_SAYS)])
@pytest.mark.parametrize("most", [1, 5, 90])  # in the probe, in the census, behind it
def test_no_result_is_lost_where_a_smaller_batch_fits(
    most: int, device: str, message: str, starve: Starve, tmp_path: Path
) -> None:
    path = two_sites().save(tmp_path / "model.onnx")
    plain = signature(path, DATA, verify=False)
    opened = starve(most, message, device)
    found = signature(path, DATA, verify=False)
    np.testing.assert_allclose(found.values, plain.values, rtol=ROUNDING)
    assert found.data["sha256"] == plain.data["sha256"]
    assert found.run["batch_size"] <= most
    assert found.data["skipped"]["count"] == 0  # memory is no fault of a sample
    told = [w for w in found.warnings if "memory ran out" in w]
    assert bool(told) == (most > 1)  # one at a time is all that the probe found to run
    assert len(opened) == 3 + (device == "cuda" and most > 1)  # the device's arena starts anew


def test_one_sample_that_does_not_fit_is_an_error_with_its_cure(
    starve: Starve, tmp_path: Path
) -> None:
    path = two_sites().save(tmp_path / "model.onnx")
    starve(0, CUDA_SAYS, "cuda")
    for on_error in ("stop", "skip"):
        said = r"out of memory.*it was 1 sample\(s\), the fewest .*: give more memory"
        with pytest.raises(AllocationError, match=said):
            signature(path, DATA, on_error=on_error)


def test_outputs_are_compared_on_the_part_of_a_batch_that_fits(
    starve: Starve, tmp_path: Path
) -> None:
    path = two_sites().save(tmp_path / "model.onnx")
    plain = signature(path, DATA)
    starve(20, CPU_SAYS)
    found = signature(path, DATA)
    np.testing.assert_allclose(found.values, plain.values, rtol=ROUNDING)
    assert found.run["outputs_verified"]
