"""Features in a file: the same scores to the bit, one table at a time, names of any kind."""

import gc
import json
import sys
import weakref
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from onnx_affscore import affinity_score, signature
from onnx_affscore.errors import DataError, MissingExtraError, OptionError
from onnx_affscore.features import Features
from onnx_affscore.records import Array, FeatureSample, Labels, PairedSample, Signature
from onnx_affscore.report.features_file import check_features_path, load_features, save_features
from onnx_affscore.score import score_sample
from tests.report.conftest import HOSTILE

MODELS = Path(__file__).parents[2] / "models"
DIGITS = [str(MODELS / "digits.npz")]
SUFFIXES = (".npz", ".safetensors")


def made(signature: Signature, tables: dict[str, Array], **known: Any) -> Features:
    def read(name: str) -> PairedSample:
        side = FeatureSample(tables[name], 2.0**-23, 1.0)
        return PairedSample(side, replace(side, features=2.0 * tables[name]))

    plain = {"samples_of": lambda name: np.arange(len(tables[name])), "rows": None, "labels": None}
    return Features(signature, tuple(tables), read=read, **plain | known)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("pool", ["mean", "positions"])
def test_scores_from_the_file_have_the_same_bits(suffix: str, pool: str, tmp_path: Path) -> None:
    file = tmp_path / f"features{suffix}"
    found = signature(
        MODELS / "torch_convnext.onnx", DIGITS, samples=70, seed=5, pool=pool, label="label",
        metrics=("sparsity", "saturated", "r2"), details=False, save_features=file,
        include="0|1",
    )  # fmt: skip
    kept = load_features(file)
    assert (kept.model_sha256, kept.data_sha256) == (found.model.sha256, found.data["sha256"])
    scored = [site for site in found.sites if site.affinity is not None]
    assert list(kept.names) == [site.name for site in scored]
    assert len(scored) > 1
    for site in scored:
        pair = kept.read(site.name)
        assert (pair.x.owners is not None) == (site.samples > 70)
        with threadpool_limits(found.run["blas_threads"], "blas"):  # sums in the same order
            again = score_sample(pair, metrics=("sparsity", "saturated", "r2"), drawn=False)
            empirical = affinity_score(pair.x.features, pair.y.features, noise=pair.x.precision)
        assert again.scores == site.scores
        assert again.adequacy == site.adequacy
        assert empirical == site.scores["affinity_empirical"]
    digits = np.load(DIGITS[0])["label"]
    assert kept.rows is not None
    assert kept.labels is not None
    assert len(kept.rows) == 70
    assert [kept.labels.names[c] for c in kept.labels.codes] == [str(d) for d in digits[kept.rows]]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_members_have_plain_names_whatever_sites_are_called(
    suffix: str, signature: Signature, tmp_path: Path
) -> None:
    tables = {name: np.full((3, 2), i / 3) for i, name in enumerate(("../../x", "/abs", HOSTILE))}
    file = tmp_path / f"f{suffix}"
    save_features(file, made(signature, tables))
    kept = load_features(file)
    assert kept.names == tuple(tables)
    for name, table in tables.items():
        np.testing.assert_array_equal(kept.read(name).x.features, table)
    if suffix == ".npz":
        members = zipfile.ZipFile(file).namelist()
        assert members[0] == "site0000.x.npy"
        assert not [m for m in members if "/" in m or ".." in m or "\\" in m]
        with np.load(file, allow_pickle=False) as raw:
            about = json.loads(bytes(raw["about"]))
            assert [site["name"] for site in about["sites"]] == list(tables)
            assert raw["site0001.x"].dtype == np.float64  # 1/3 is no number of single precision
            assert raw["site0000.x"].dtype == np.float32
    with pytest.raises(DataError, match="has no site 'x'"):
        kept.read("x")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_tables_are_not_held_together(suffix: str, signature: Signature, tmp_path: Path) -> None:
    alive: list[weakref.ref[Array]] = []
    most = 0

    def read(_name: str) -> PairedSample:
        nonlocal most
        table = np.random.default_rng(len(alive)).normal(size=(50, 4))
        alive.append(weakref.ref(table))
        gc.collect()
        most = max(most, sum(ref() is not None for ref in alive))
        return PairedSample(FeatureSample(table, 0.0, 1.0), FeatureSample(table, 0.0, 1.0))

    tables = {str(i): np.zeros((50, 4)) for i in range(6)}
    save_features(tmp_path / f"f{suffix}", replace(made(signature, tables), read=read))
    assert len(alive) == 6
    assert most <= 2
    assert [p.name for p in tmp_path.iterdir()] == [f"f{suffix}"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_old_file_survives_a_failure(suffix: str, signature: Signature, tmp_path: Path) -> None:
    file = tmp_path / f"f{suffix}"
    save_features(file, made(signature, {"a": np.ones((2, 2))}))
    before = file.read_bytes()

    def torn(_name: str) -> PairedSample:
        raise DataError("the features are gone")

    with pytest.raises(DataError, match="the features are gone"):
        save_features(file, replace(made(signature, {"a": np.ones((2, 2))}), read=torn))
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [file.name]
    save_features(tmp_path / f"g{suffix}", made(signature, {"a": np.ones((2, 2))}))
    assert (tmp_path / f"g{suffix}").read_bytes() == before  # of no date
    (tmp_path / "plain").write_text("")
    assert file.stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_samples_classes_and_what_is_not_known_survive(
    suffix: str, signature: Signature, tmp_path: Path
) -> None:
    owners = np.array([0, 0, 2, 2])
    features = made(
        signature,
        {"a": np.eye(4), "b": np.eye(4), "c": np.full((4, 4), np.nan)},
        samples_of=lambda name: {"a": owners, "b": None, "c": np.array([0, 1, 3, 4])}[name],
        rows=np.array([7, 3, 9]),
        labels=Labels(("x", "y"), np.arange(10) % 2),
    )
    file = tmp_path / f"f{suffix}"
    save_features(file, features)
    kept = load_features(file)
    assert kept.labels is not None
    assert kept.labels.codes.tolist() == [1, 1, 1]
    a, b, c = (kept.read(name).x.owners for name in "abc")
    assert a is not None
    assert a.tolist() == owners.tolist()
    assert (b, c) == (None, None)
    assert kept.samples_of("b") is None
    assert np.asarray(kept.samples_of("c")).tolist() == [0, 1, 3, 4]
    assert np.isnan(kept.read("c").x.features).all()


def test_what_cannot_be_written_is_refused_before_the_long_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, said in (
        (tmp_path / "f.npy", "suffix '.npy'; wanted .npz or .safetensors"),
        (tmp_path / "missing" / "f.npz", "does not exist"),
    ):
        with pytest.raises(OptionError, match=said):
            signature("no-model.onnx", save_features=path)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    check_features_path(tmp_path / "f.npz")
    with pytest.raises(MissingExtraError, match=r"onnx-affscore\[features\]"):
        check_features_path(tmp_path / "f.safetensors")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_is_none_is_refused(suffix: str, signature: Signature, tmp_path: Path) -> None:
    file = tmp_path / f"f{suffix}"
    with pytest.raises(DataError, match="cannot read the features"):
        load_features(file)
    save_features(file, made(signature, {"a": np.ones((40, 40))}))
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"no .* file of features"):
        load_features(file)
    with pytest.raises(DataError, match="its suffix is none of"):
        load_features(tmp_path / "f.zip")
    np.savez(tmp_path / "other.npz", about=np.frombuffer(b'{"format": "x"}', np.uint8))
    with pytest.raises(DataError, match="holds no features: what it says of itself"):
        load_features(tmp_path / "other.npz")
    np.savez(tmp_path / "deep.npz", about=np.frombuffer(b"[" * 200_000, np.uint8))
    with pytest.raises(DataError, match="nested too deeply"):
        load_features(tmp_path / "deep.npz")
    about = b'{"format": "other", "version": 3}'
    np.savez(tmp_path / "other.npz", about=np.frombuffer(about, np.uint8))
    with pytest.raises(DataError, match=r"^\S+npz holds no features: it is other of version 3; "):
        load_features(tmp_path / "other.npz")
