"""A batch that memory does not bear is run in halves: nothing is lost, nothing is run twice."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore import Signature, signature
from onnx_affscore.errors import AllocationError, RunError
from onnx_affscore.halving import Halving
from onnx_affscore.records import Array, Batch, InputHint, TensorSpec
from onnx_affscore.run.session import Session
from tests.builder import Builder
from tests.test_measure import MODELS, ROUNDING, WIDTH, X, mlp

HINTS = [InputHint(TensorSpec("x", "float32", ("n",)), 0)]


class Fake:
    """Stands for a session on a device."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = device


def batch(start: int, size: int) -> Batch:
    return Batch({"x": np.arange(start, start + size)}, size)


def halving(size: int, device: str = "cpu", **options: Any) -> tuple[Halving, list[Fake]]:
    opened: list[Fake] = []

    def start() -> Any:
        opened.append(Fake(device))
        return opened[-1]

    return Halving(start, size, hints=HINTS, **options), opened


def run_all(h: Halving, sizes: Sequence[int], bears: int) -> tuple[list[int], list[int]]:
    """Run batches of these sizes where ``bears`` samples fit: the samples seen, the sizes tried."""
    tried = []

    def attempt(part: Batch) -> list[int]:
        assert h.session is not None
        tried.append(part.size)
        if part.size > bears:
            raise AllocationError("no memory")
        return [int(v) for v in part.feeds["x"]]

    seen, start = [], 0
    for size in sizes:
        for part, made in h.run(batch(start, size), attempt):
            assert part.size == len(made)
            seen += made
        start += size
    return seen, tried


@given(st.integers(1, 20), st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_every_sample_is_run_once_and_in_order(bears: int, sizes: list[int]) -> None:
    h, _ = halving(max(sizes))
    seen, tried = run_all(h, sizes, bears)
    assert seen == list(range(sum(sizes)))
    failed = [size for size in tried if size > bears]
    assert failed == sorted(failed, reverse=True)  # a size that failed is not tried again
    assert len(set(failed)) == len(failed)
    assert bool(h.notices) == bool(failed)


def test_batches_behind_one_that_failed_are_no_larger() -> None:
    h, opened = halving(16)
    _, tried = run_all(h, [16, 16], bears=5)
    assert tried == [16, 8, 4, 4, 4, 4, 4, 4, 4, 4]
    assert h.notices == (
        "memory ran out with 16 samples together: went on with 4; --batch-size 4 starts with them",
    )
    assert len(opened) == 1


def test_a_device_gets_a_new_session_once() -> None:
    h, opened = halving(16, "cuda")
    run_all(h, [16, 16], bears=5)
    assert len(opened) == 2


def test_one_sample_that_does_not_fit_is_an_error_that_says_so() -> None:
    h, _ = halving(4)
    with pytest.raises(AllocationError, match="no memory; it was one sample, which cannot be"):
        run_all(h, [4], bears=0)


def test_a_fixed_batch_that_does_not_fit_is_an_error_that_says_so() -> None:
    h, _ = halving(4, fixed=True)
    with pytest.raises(AllocationError, match="the model's fixed batch of 4"):
        run_all(h, [4], bears=3)


def test_other_failures_are_not_repeated() -> None:
    h, _ = halving(4)

    def attempt(part: Batch) -> None:
        raise RunError("a shape is wrong")

    with pytest.raises(RunError, match="a shape is wrong"):
        list(h.run(batch(0, 4), attempt))
    assert h.size == 4


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions that bear no more than 6 samples."""
    run = Session.run

    def within(self: Session, names: Sequence[str], feeds: Mapping[str, Array]) -> dict[str, Array]:
        if max(len(a) for a in feeds.values()) > 6:
            raise AllocationError("no memory")
        return run(self, names, feeds)

    monkeypatch.setattr(Session, "run", within)


def compare(found: Signature, plain: Signature) -> None:
    np.testing.assert_allclose(found.values, plain.values, rtol=ROUNDING)
    assert len(found.values) == len(plain.values) > 0
    assert found.data == plain.data


def test_a_signature_is_the_same_where_memory_runs_out(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = mlp(tmp_path)
    plain = signature(path, X, batch_size=20)
    request.getfixturevalue("narrow")
    found = signature(path, X, batch_size=20)
    compare(found, plain)
    assert found.run["batch_size"] == 5
    assert found.run["outputs_verified"]
    assert [w for w in found.warnings if "memory ran out with 20 samples" in w]
    assert not [w for w in plain.warnings if "memory ran out" in w]


def test_the_census_gives_way_as_well(request: pytest.FixtureRequest) -> None:
    path, digits = MODELS / "torch_resnet.onnx", str(MODELS / "digits.npz")
    plain = signature(path, digits, samples=100, metrics=())
    request.getfixturevalue("narrow")
    found = signature(path, digits, samples=100, metrics=())
    compare(found, plain)
    assert found.run["samples_counted"] == plain.run["samples_counted"]
    # the lean pass starts with what the census came to, and need not fail itself
    assert len([w for w in found.warnings if "memory ran out" in w]) == 1


_STARVED = """
import resource, sys
from pathlib import Path
import numpy as np
from onnx_affscore import signature, site_scores
score = site_scores.score_sample
def fed(*arguments, **options):  # the run is to be starved, not the scoring
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return score(*arguments, **options)
site_scores.score_sample = fed
x = np.load(sys.argv[2])
options = dict(threads=1, metrics=(), verify=False, sparsity="none", include="narrow")
signature(sys.argv[1], x[:80], batch_size=8, **options)  # loads what there is to load
if sys.argv[3] == "starved":
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (64 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
found = signature(sys.argv[1], x, batch_size=len(x), **options)
print(found.run["batch_size"], *found.values)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process's addresses")
def test_a_process_that_has_not_the_memory_gives_the_same(tmp_path: Path) -> None:
    samples, wide = 512, 1 << 16  # 128 MiB in a batch of all, twice what the process may add
    g = Builder()
    hidden = g.op("Relu", g.dense(g.input(["n", WIDTH]), WIDTH, wide, seed=1), node_name="wide")
    narrow = g.op("Tanh", g.dense(hidden, wide, 4, seed=2), node_name="narrow")
    g.output(g.dense(narrow, 4, 2, seed=3), ["n", 2])
    path = g.save(tmp_path / "wide.onnx")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(samples, WIDTH)).astype("f4"))

    def run(how: str) -> tuple[int, list[float]]:
        command = [sys.executable, "-c", _STARVED, str(path), str(tmp_path / "x.npy"), how]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        size, *values = done.stdout.split()
        return int(size), [float(v) for v in values]

    (starved, values), (fed, expected) = run("starved"), run("fed")
    assert fed == samples
    assert starved in (256, 128, 64, 32, 16)
    assert len(values) == 1
    np.testing.assert_allclose(values, expected, rtol=ROUNDING)
