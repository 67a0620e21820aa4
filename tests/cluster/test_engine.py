"""What workers do and what comes back from them, errors above all."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from onnx_affscore import signature
from onnx_affscore.cluster.crew import Crew, Held
from onnx_affscore.cluster.engine import ClusterEngine, RemoteModel
from onnx_affscore.cluster.worker import Facts, ShippedModel, versions
from onnx_affscore.errors import (
    AffscoreError,
    ClusterError,
    MissingExtraError,
    ModelError,
    OptionError,
    ProviderError,
    RunError,
)
from onnx_affscore.options import Options
from onnx_affscore.protocols import SessionPlan
from onnx_affscore.run.starting import built_and_started
from tests.builder import Builder
from tests.cluster.machines import Machines

WIDTH = 4
ROWS = np.random.default_rng(0).normal(size=(6, WIDTH)).astype(np.float32)


def relu(folder: Path) -> bytes:
    g = Builder()
    g.output(g.op("Relu", g.input(["n", WIDTH], "x"), node_name="r"), ["n", WIDTH])
    return g.save(folder / "relu.onnx").read_bytes()


def plan(folder: Path, **external: int) -> SessionPlan:
    files = {f"{name}.bin": size for name, size in external.items()}
    return SessionPlan(relu(folder), folder, files)


@pytest.fixture
def engine(cluster: Machines) -> Iterator[ClusterEngine]:
    with ClusterEngine(Options(cluster=cluster.address)) as engine:
        yield engine


def test_a_remote_model_is_a_session(engine: ClusterEngine, tmp_path: Path) -> None:
    model = engine.open(plan(tmp_path))
    (name,) = set(model.types) - {"x"}
    assert set(model.types.values()) == {"float32"}
    np.testing.assert_array_equal(model.run([name], {"x": ROWS})[name], np.maximum(ROWS, 0))
    assert (model.device, model.providers, model.notices) == ("cpu", ("CPUExecutionProvider",), ())


def test_a_worker_opens_a_session_once_for_all_batches(cluster: Machines, tmp_path: Path) -> None:
    def opened(model: ShippedModel) -> tuple[int, int]:
        return os.getpid(), id(model.opened()[0])

    crew = Crew(cluster.address)
    try:
        held = Held(crew.client, ShippedModel(plan(tmp_path), "cpu", 1))
        seen = [crew.call(opened, held) for _ in range(8)]
    finally:
        crew.close()
    assert os.getpid() not in dict(seen)
    assert len(set(seen)) == len(dict(seen)) <= 2


def test_no_more_is_taken_ahead_than_the_workers_have_use_for(engine: ClusterEngine) -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(1, 31):
            taken.append(number)
            yield number

    ahead = []
    for done, number in enumerate(engine.each_batch(lambda n: n, numbers()), start=1):
        assert number == done
        ahead.append(len(taken) - done)
    assert 1 <= max(ahead) <= 4  # two workers with a thread each, and a batch more for each


def test_sites_come_in_their_order_whichever_is_done_first(engine: ClusterEngine) -> None:
    last_is_done = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert last_is_done.wait(60)
        if number == 9:
            last_is_done.set()
        return number

    assert list(engine.each_site(work, range(10))) == list(range(10))


def test_a_device_that_no_worker_has_is_refused_as_it_is_here(
    cluster: Machines, tmp_path: Path
) -> None:
    if "cuda" in built_and_started()[1]:
        pytest.skip("this machine has a CUDA device")
    relu(tmp_path)
    with pytest.raises(ProviderError, match="--device cuda") as caught:
        signature(tmp_path / "relu.onnx", ROWS, device="cuda", cluster=cluster.address)
    assert caught.value.exit_code == 3
    with pytest.raises(OptionError, match="no device 'tpu'") as refused:
        signature(tmp_path / "relu.onnx", ROWS, device="tpu", cluster=cluster.address)
    assert refused.value.exit_code == 2


def test_a_model_that_does_not_run_is_told_in_the_words_of_this_machine(
    engine: ClusterEngine, tmp_path: Path
) -> None:
    model = engine.open(plan(tmp_path))
    with pytest.raises(RunError, match="cannot run the model: ONNX Runtime says"):
        model.run([], {"x": ROWS[:, :2]})


@pytest.mark.parametrize(("size", "state"), [(None, "is missing"), (3, "has 3 bytes, not 8")])
def test_weights_that_a_worker_does_not_see_are_named(
    size: int | None, state: str, engine: ClusterEngine, tmp_path: Path
) -> None:
    if size is not None:
        (tmp_path / "weights.bin").write_bytes(bytes(size))
    model = engine.open(plan(tmp_path, weights=8))
    with pytest.raises(ModelError, match=rf"weights\.bin {state}.* on a worker of the cluster"):
        model.run([], {"x": ROWS})


def test_any_other_failure_of_a_worker_is_told_with_its_address(engine: ClusterEngine) -> None:
    with pytest.raises(ClusterError, match=r"tcp://.* fails: ZeroDivisionError on a worker"):
        engine.call(_divided, 0)


def _divided(number: int) -> float:
    return 1 / number


def test_a_task_that_ends_worker_after_worker_is_given_up(tmp_path: Path) -> None:
    with Machines(tmp_path, workers=2, allowed_failures=0) as machines:
        crew = Crew(machines.address)
        try:
            with pytest.raises(ClusterError, match=r"one task ended 1 worker\(s\)"):
                crew.call(cast("Callable[[int], None]", os._exit), 1)
        finally:
            crew.close()


class _Answers:
    """A crew whose workers say of themselves what the test wants."""

    client = None

    def __init__(self, *facts: Facts) -> None:
        self._facts = iter(facts)

    def call(self, *_: object) -> Any:
        return {}, next(self._facts)


def test_workers_that_are_not_alike_are_told() -> None:
    here = versions()
    other = tuple((name, "0.1" if name == "numpy" else version) for name, version in here)
    crew = _Answers(
        Facts("cpu", ("CPU",), ("slow",), here), Facts("cuda", ("CUDA", "CPU"), ("slow",), other)
    )
    model = RemoteModel(cast("Crew", crew), cast("ShippedModel", None))
    assert (model.device, model.providers, model.notices) == ("", (), ())
    model.run([], {})
    assert (model.device, model.notices) == ("cpu", ("slow",))
    model.run([], {})
    assert (model.device, model.providers) == ("cpu, cuda", ("CPU", "CUDA"))
    assert model.notices == (
        "slow",
        "workers ran on different devices: cpu, cuda",
        f"a worker has numpy 0.1, this machine {dict(here)['numpy']}",
    )


def test_a_worker_with_another_version_of_the_package_is_refused() -> None:
    there = tuple((n, "0.0.1" if n == "onnx-affscore" else v) for n, v in versions())
    crew = _Answers(Facts("cpu", ("CPU",), (), there))
    model = RemoteModel(cast("Crew", crew), cast("ShippedModel", None))
    with pytest.raises(ClusterError, match=r"a worker has onnx-affscore 0\.0\.1, this machine"):
        model.run([], {})


@pytest.mark.parametrize("address", ["nonsense://somewhere:1", "tcp://host:port", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(OptionError, match="no address of a cluster"):
        ClusterEngine(Options(cluster=address))


def test_without_the_extra_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relu(tmp_path)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(
        MissingExtraError, match=r"pip install 'onnx-affscore\[cluster\]'"
    ) as caught:
        signature(tmp_path / "relu.onnx", ROWS, cluster="tcp://127.0.0.1:1")
    assert isinstance(caught.value, AffscoreError)


def test_the_command_line_takes_a_cluster_and_says_what_is_wrong_with_it(
    cluster: Machines, tmp_path: Path
) -> None:
    relu(tmp_path)
    np.save(tmp_path / "x.npy", np.repeat(ROWS, 5, axis=0))

    def score(address: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "onnx_affscore", "score", "relu.onnx", "--data", "x.npy"]
        command += ["--roles", "all", "--cluster", address]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = score(cluster.address)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Relu" in done.stdout
    refused = score("tcp://127.0.0.1:1")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr.startswith("error: no scheduler answers at tcp://127.0.0.1:1")
    assert len(refused.stderr.splitlines()) <= 2


def test_memory_that_a_call_does_not_get_is_no_failure_of_the_cluster(
    engine: ClusterEngine,
) -> None:
    with pytest.raises(MemoryError):
        engine.call(bytearray, 1 << 62)
    assert engine.call(len, ROWS) == len(ROWS)
