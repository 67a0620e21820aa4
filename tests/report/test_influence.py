"""The sidecar of influences: written, read back, and refused where it is none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_affscore import signature
from onnx_affscore.errors import DataError, OptionError
from onnx_affscore.records import Signature
from onnx_affscore.report.influence import load_influence, write_influence

MODELS = Path(__file__).parents[2] / "models"


def test_a_sidecar_gives_back_the_standard_errors(tmp_path: Path) -> None:
    file = tmp_path / "influence.npz"
    data = [str(MODELS / "digits.npz")]
    found = signature(MODELS / "sklearn_mlp.onnx", data, samples=900, influence=file)
    kept = load_influence(file)
    assert (kept.model_sha256, kept.data_sha256) == (found.model.sha256, found.data["sha256"])
    told = {s.name: s.scores["affinity_std"] for s in found.sites}
    known = {name for name, std in told.items() if std is not None}
    assert known
    assert known <= set(kept.values)
    for name in known:
        each = kept.values[name]
        assert each.shape == (900,)
        assert abs(each.mean()) < 1e-12 * np.abs(each).max()
        assert np.sqrt(each @ each / (900 * 899)) == pytest.approx(told[name], rel=1e-9)


def test_names_survive(signature: Signature, tmp_path: Path) -> None:
    values = {"a/b:0": np.arange(3.0), "../x": np.ones(2)}
    write_influence(tmp_path / "i.npz", signature, values)
    kept = load_influence(tmp_path / "i.npz")
    assert set(kept.values) == set(values)
    np.testing.assert_array_equal(kept.values["a/b:0"], [0.0, 1.0, 2.0])


def test_what_is_no_sidecar_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read the influences"):
        load_influence(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(DataError, match=r"holds no influences: .* wanted is what"):
        load_influence(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    with pytest.raises(DataError, match="it lacks model_sha256 or data_sha256"):
        load_influence(tmp_path / "other.npz")
    numbers: Any = {"model_sha256": "a", "data_sha256": "b", "site:x": [np.nan]}
    np.savez(tmp_path / "nan.npz", **numbers)
    with pytest.raises(DataError, match="'site:x' is no site's list of numbers"):
        load_influence(tmp_path / "nan.npz")
    objects = np.array([{}], dtype=object)
    np.savez(tmp_path / "pickled.npz", x=objects)
    with pytest.raises(DataError, match="holds no influences"):
        load_influence(tmp_path / "pickled.npz")


def test_a_path_is_checked_before_the_long_work(tmp_path: Path) -> None:
    model = MODELS / "sklearn_mlp.onnx"
    with pytest.raises(OptionError, match=r"wanted \.npz"):
        signature(model, influence=tmp_path / "i.json")
    with pytest.raises(OptionError, match="does not exist"):
        signature(model, influence=tmp_path / "no" / "i.npz")
