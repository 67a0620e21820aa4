"""What a cluster loses costs time; what it has lost for good is said within seconds."""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from onnx_affscore import Signature, signature
from onnx_affscore.cluster import crew
from onnx_affscore.errors import ClusterError
from tests.cluster.machines import Machines
from tests.cluster.test_equality import ALIKE, DIGITS, MODELS, assert_same

MODEL = MODELS / "torch_vit.onnx"
THIRD = 3 * ALIKE["batch_size"]
SOON = 30.0  # seconds, where waiting for ever is the fault; it takes 2 to 6


def score(address: str | None, *, at: int = 0, then: Callable[[], None] | None = None) -> Signature:
    """Score, and do something when ``at`` samples are done: later batches are under way."""
    waiting = [then]

    def progress(done: int, _total: int | None) -> None:
        if done >= at and (event := waiting[0]) is not None:
            waiting[0] = None
            event()

    options: dict[str, Any] = ALIKE | {"cluster": address, "metrics": ()}
    found = signature(MODEL, DIGITS, progress=progress, **options)
    assert waiting == [None]
    return found


@pytest.fixture(scope="module")
def here() -> Signature:
    return signature(MODEL, DIGITS, **ALIKE | {"metrics": ()})


@pytest.mark.parametrize("at", [THIRD, ALIKE["samples"]], ids=["running", "scoring"])
def test_a_worker_killed_in_mid_run_costs_no_result(
    at: int, here: Signature, tmp_path: Path
) -> None:
    with Machines(tmp_path, workers=2) as machines:
        found = score(machines.address, at=at, then=lambda: machines.kill_worker(0))
    assert_same(found, here)


def test_the_only_worker_may_be_replaced_although_the_model_is_lost_with_it(
    here: Signature, tmp_path: Path
) -> None:
    with Machines(tmp_path, workers=1) as machines:

        def replace() -> None:
            machines.kill_worker(0)
            machines.add_worker()

        found = score(machines.address, at=THIRD, then=replace)
    assert_same(found, here)


@pytest.mark.parametrize("at", [THIRD, ALIKE["samples"]], ids=["running", "scoring"])
def test_a_cluster_without_workers_is_given_up(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "PATIENCE", 2.0)
    with Machines(tmp_path, workers=1) as machines:
        start = time.monotonic()
        with pytest.raises(ClusterError, match="no worker has been left") as caught:
            score(machines.address, at=at, then=lambda: machines.kill_worker(0))
        assert time.monotonic() - start < SOON
    assert caught.value.exit_code == 3


def test_a_cluster_that_never_had_a_worker_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "PATIENCE", 2.0)
    with (
        Machines(tmp_path, workers=0) as machines,
        pytest.raises(ClusterError, match="start 'dask worker tcp://"),
    ):
        score(machines.address)


def test_a_scheduler_that_dies_is_told(tmp_path: Path) -> None:
    with Machines(tmp_path, workers=1) as machines:

        def kill() -> None:
            machines.scheduler.kill()
            machines.scheduler.wait()

        start = time.monotonic()
        with pytest.raises(ClusterError, match=r"connection to the scheduler .* was lost"):
            score(machines.address, at=THIRD, then=kill)
        assert time.monotonic() - start < SOON


def test_an_address_where_no_scheduler_is_says_so_within_seconds() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody else takes the port
        address = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
        start = time.monotonic()
        with pytest.raises(ClusterError, match=f"no scheduler answers at {address}"):
            score(address)
        assert time.monotonic() - start < SOON


def test_an_interrupt_cancels_what_is_under_way(cluster: Machines) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(cluster.address, at=THIRD, then=interrupt)
    assert cluster.tasks() == 0
