"""Samples on which a model fails are found on a cluster as they are here."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_affscore import signature
from onnx_affscore.errors import ProviderError, RunError
from tests.cluster.machines import Machines
from tests.faults.test_samples import choosy, data, listed


def test_failing_samples_are_left_out_whichever_worker_meets_them(
    cluster: Machines, tmp_path: Path
) -> None:
    path, bad = choosy(tmp_path), [3, 60, 150]
    options: dict[str, Any] = {"batch_size": 16, "on_error": "skip", "metrics": ()}
    here = signature(path, data(*bad), **options)
    there = signature(path, data(*bad), cluster=cluster.address, **options)
    assert listed(there) == listed(here) == bad
    assert there.data == here.data
    np.testing.assert_allclose(there.values, here.values, rtol=1e-6)  # BLAS with other threads


def test_the_error_names_the_sample_too(cluster: Machines, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"sample 150 of the data .*--on-error skip"):
        signature(choosy(tmp_path), data(150), cluster=cluster.address, batch_size=16)


def test_a_provider_that_a_worker_does_not_have_is_an_error(
    cluster: Machines, tmp_path: Path
) -> None:
    said = "--provider qnn: the installed ONNX Runtime has no QNNExecutionProvider"
    with pytest.raises(ProviderError, match=said):
        signature(choosy(tmp_path), data(), cluster=cluster.address, provider="qnn")
