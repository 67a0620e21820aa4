"""Samples that are left out are of no class, and move none of the others to another."""

from pathlib import Path

import numpy as np
import pytest

from onnx_affscore import signature
from tests.faults.test_samples import choosy, data, listed, without


@pytest.mark.parametrize("bad", [[0, 1], [37, 150]], ids=str)
def test_classes_are_those_of_the_samples_that_ran(bad: list[int], tmp_path: Path) -> None:
    path, labels = choosy(tmp_path), np.arange(200) // 70
    rows = {"x": data(*bad), "y": labels}
    found = signature(path, rows, label="y", by="label", on_error="skip", metrics=())
    rest = {"x": without(*bad), "y": np.delete(labels, bad)}
    clean = signature(path, rest, label="y", by="label", metrics=())
    assert listed(found) == bad
    assert found.groups is not None
    assert clean.groups is not None
    for ours, theirs in zip(found.groups.classes, clean.groups.classes, strict=True):
        assert (ours.name, ours.samples) == (theirs.name, theirs.samples)
        for site, other in zip(ours.sites, theirs.sites, strict=True):
            assert site.affinity == pytest.approx(other.affinity, rel=1e-6)  # other batches
