"""A cluster gives the numbers of one machine: bit for bit where batches and threads are alike."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_affscore import Signature, signature
from onnx_affscore.cluster.engine import RemoteModel
from onnx_affscore.errors import AllocationError, OptionError
from onnx_affscore.records import Array
from onnx_affscore.resume.pass_log import PassLog
from onnx_affscore.threads import cores
from tests.cluster.machines import Machines

MODELS = Path(__file__).parents[2] / "models"
DIGITS = str(MODELS / "digits.npz")
# Convolutions whose means are combined here of what workers pooled; tokens and attention.
NAMES = ("torch_resnet", "torch_vit")
# One thread everywhere: as many jobs as cores leave one to each BLAS, as workers have.
ALIKE: dict[str, Any] = {"samples": 150, "batch_size": 16, "threads": 1, "jobs": cores()}
# Other batches and threads sum in another order: 6e-8 a product, some layers, and roots of both.
CLOSE = 1e-6


def score(name: str, **options: Any) -> Signature:
    return signature(MODELS / f"{name}.onnx", DIGITS, **options)


def assert_same(found: Signature, wanted: Signature) -> None:
    """All but seconds, and where the work was done."""
    apart = {"seconds", "workers"}
    assert (found.sites, found.groups) == (wanted.sites, wanted.groups)
    assert (found.data, found.model, found.skipped) == (wanted.data, wanted.model, wanted.skipped)
    assert found.warnings == wanted.warnings
    for key in found.run.keys() - apart:
        assert found.run[key] == wanted.run[key], key
    assert found.run.keys() == wanted.run.keys()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_batches_and_threads_give_the_same_bits(name: str, cluster: Machines) -> None:
    found = score(name, cluster=cluster.address, **ALIKE)
    assert found.run["outputs_verified"]
    assert found.run["workers"] == 2
    assert_same(found, score(name, **ALIKE))


def test_data_of_one_pass_and_a_short_batch_give_the_same_bits(cluster: Machines) -> None:
    options = ALIKE | {"samples": 37, "batch_size": 8, "label": "label", "by": "label"}
    found = score("torch_vit", cluster=cluster.address, **options)
    assert_same(found, score("torch_vit", **options))
    assert found.groups is not None


def test_a_run_on_a_cluster_goes_on_where_it_was_broken_off(
    cluster: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ALIKE | {"metrics": (), "resume": tmp_path / "kept", "cluster": cluster.address}
    kept = 0
    append = PassLog.append

    def last(self: PassLog, *given: Any, **more: Any) -> None:
        nonlocal kept
        append(self, *given, **more)
        kept += 1
        if kept == 12:  # 8 batches are the census, 10 all
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PassLog, "append", last)
        with pytest.raises(KeyboardInterrupt):
            score("torch_vit", **options)
    wanted = score("torch_vit", **ALIKE | {"metrics": ()})
    for _ in range(2):  # the second time nothing is left to run
        assert_same(score("torch_vit", **options), wanted)
    with pytest.raises(OptionError, match="on a cluster false, kept true"):
        score("torch_vit", **options | {"cluster": None})


def test_other_batches_and_threads_move_rounding_only(cluster: Machines) -> None:
    options = {"samples": 150, "metrics": ()}
    found = score("torch_resnet", cluster=cluster.address, batch_size=7, threads=2, **options)
    here = score("torch_resnet", **options)
    np.testing.assert_allclose(found.values, here.values, rtol=0, atol=CLOSE)
    other = score("torch_resnet", samples=149, metrics=())
    assert np.abs(np.subtract(other.values, here.values)).max() > 10 * CLOSE


def test_a_batch_that_workers_have_no_memory_for_is_run_in_halves(
    cluster: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RemoteModel.run

    def narrow(model: RemoteModel, names: Any, feeds: dict[str, Array]) -> dict[str, Array]:
        fetched = run(model, names, feeds)
        if any(len(array) > 8 for array in feeds.values()):
            raise AllocationError("out of memory")
        return fetched

    monkeypatch.setattr(RemoteModel, "run", narrow)
    found = score("torch_resnet", cluster=cluster.address, **ALIKE)
    assert any("memory ran out" in warning for warning in found.warnings)
    here = score("torch_resnet", **ALIKE)
    np.testing.assert_allclose(found.values, here.values, rtol=0, atol=CLOSE)


def test_nothing_is_left_on_the_cluster(cluster: Machines) -> None:
    score("torch_resnet", cluster=cluster.address, **ALIKE)
    assert cluster.tasks() == 0
