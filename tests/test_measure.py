"""The whole path: what is fed, what reaches the scorer, and what the signature says of it."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_affscore import Signature, signature
from onnx_affscore.errors import DataError, NothingToScoreError, OptionError, RunError
from onnx_affscore.options import COVARIANCES, POOLS
from onnx_affscore.records import Array, PairedSample
from tests.builder import Builder

ROWS, WIDTH = 30, 6
X = np.random.default_rng(0).normal(size=(ROWS, WIDTH)).astype(np.float32)
MODELS = Path(__file__).parents[1] / "models"
ZOO: dict[str, dict[str, Any]] = tomllib.loads((MODELS / "manifest.toml").read_text("utf-8"))[
    "models"
]
# Sums of a few float32 products around 1, taken in another order where a batch has another size.
ROUNDING = 1e-5


def weights(rows: int, columns: int, seed: int) -> Array:
    return np.asarray(np.random.default_rng(seed).normal(size=(rows, columns)) / rows**0.5)


def mlp(folder: Path, batch: int | str = "n") -> Path:
    """Weights, Relu, weights, Tanh, weights, Sigmoid at the end."""
    g = Builder()
    x = g.dense(g.input([batch, WIDTH]), WIDTH, 5, seed=1)
    y = g.dense(g.op("Relu", x, node_name="/first/Relu"), 5, 4, seed=2)
    z = g.dense(g.op("Tanh", y, node_name="/second/Tanh"), 4, 3, seed=3)
    g.output(g.op("Sigmoid", z, node_name="/end/Sigmoid"), [batch, 3])
    return g.save(folder / "mlp.onnx")


def by_numpy(x: Array) -> list[tuple[Array, Array]]:
    """What lies before and behind the hidden activations of :func:`mlp`."""
    first = x @ weights(WIDTH, 5, 1)
    second = np.maximum(first, 0) @ weights(5, 4, 2)
    return [(first, np.maximum(first, 0)), (second, np.tanh(second))]


def test_the_rows_that_are_scored_equal_numpy(tmp_path: Path, scored: list[PairedSample]) -> None:
    found = signature(mlp(tmp_path), X)
    assert len(scored) == 2
    for sample, (x, y) in zip(scored, by_numpy(X), strict=True):
        np.testing.assert_allclose(sample.x.features, x, rtol=ROUNDING, atol=ROUNDING)
        np.testing.assert_allclose(sample.y.features, y, rtol=ROUNDING, atol=ROUNDING)
        assert sample.y.features.dtype == np.float64
        assert sample.x.precision == 2.0**-23
        assert sample.x.rms == pytest.approx(np.sqrt((x**2).mean()), rel=ROUNDING)
        assert sample.y.sparsity == pytest.approx((np.abs(y) <= 1e-3).mean(), abs=1e-7)
        assert not np.allclose(sample.x.features, x[::-1], rtol=ROUNDING)
    assert [(s.activation, s.samples, s.features) for s in found.sites] == [
        ("Relu", ROWS, 5), ("Tanh", ROWS, 4), ("Sigmoid", 0, None),
    ]  # fmt: skip


def test_images_are_pooled_over_their_positions(tmp_path: Path, scored: list[PairedSample]) -> None:
    g = Builder()
    kernel = weights(3, 8, 1).T.reshape(8, 3, 1, 1)
    before = g.op("Conv", g.input(["n", 3, 5, 5]), g.tensor(kernel))
    g.output(g.op("GlobalAveragePool", g.op("Relu", before)))
    g.output(g.op("Conv", g.op("Relu", before), g.tensor(weights(2, 8, 0).reshape(2, 8, 1, 1))))
    images = np.random.default_rng(1).normal(size=(20, 3, 5, 5)).astype(np.float32)
    signature(g.save(tmp_path / "conv.onnx"), images)
    raw = np.einsum("nchw,oc->nohw", images, kernel[:, :, 0, 0])
    assert scored
    for sample in scored:
        for side, values in ((sample.x, raw), (sample.y, np.maximum(raw, 0))):
            rows = values.mean(axis=(2, 3))
            np.testing.assert_allclose(side.features, rows, rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize(
    "knobs", [{"batch_size": 1}, {"batch_size": 7}, {"batch_size": 99}, {"jobs": 4}, {"threads": 1}]
)
def test_knobs_of_speed_change_no_result(knobs: dict[str, Any], tmp_path: Path) -> None:
    path = mlp(tmp_path)
    changed, plain = signature(path, X, **knobs).values, signature(path, X).values
    np.testing.assert_allclose(changed, plain, rtol=ROUNDING)


@pytest.mark.parametrize("batch", [1, 4, 30])
def test_a_fixed_batch_is_looped_and_gives_the_same(
    batch: int, tmp_path: Path, scored: list[PairedSample]
) -> None:
    found = signature(mlp(tmp_path, batch), X)
    assert found.run["batch_size"] == batch
    assert found.data["samples"] == ROWS
    assert found.run["outputs_verified"]
    for sample, (x, y) in zip(scored, by_numpy(X), strict=True):
        assert sample.x.features.shape == x.shape  # the last batch's padding is left out
        np.testing.assert_allclose(sample.x.features, x, rtol=ROUNDING, atol=ROUNDING)
        np.testing.assert_allclose(sample.y.features, y, rtol=ROUNDING, atol=ROUNDING)


def test_a_batch_size_that_the_model_does_not_take_is_ignored_with_a_warning(
    tmp_path: Path,
) -> None:
    found = signature(mlp(tmp_path, 4), X, batch_size=8)
    assert "the model takes batches of 4: --batch-size 8 ignored" in found.warnings


def test_samples_limits_the_data(tmp_path: Path) -> None:
    path = mlp(tmp_path)
    whole, part = signature(path, X), signature(path, X, samples=12, seed=1)
    assert part.data["samples"] == part.sites[0].samples == 12
    assert part.data["sha256"] != whole.data["sha256"]
    assert signature(path, X, samples=12, seed=1).data["sha256"] == part.data["sha256"]


def test_a_row_that_is_no_number_makes_the_sites_behind_it_undefined(tmp_path: Path) -> None:
    damaged = X.copy()
    damaged[[3, 8]] = np.nan
    found = signature(mlp(tmp_path), damaged)
    for site in found.sites[:2]:
        assert site.status == "undefined"
        assert site.scores["affinity"] is None
        assert site.reason is not None
        assert "2" in site.reason
    assert found.summary["scored"] == 0


def test_a_dead_activation_is_degenerate_and_no_error(tmp_path: Path) -> None:
    g = Builder()
    bias = g.tensor(-100.0 - np.arange(5))
    dead = g.op("Relu", g.op("Add", g.dense(g.input(["n", WIDTH]), WIDTH, 5), bias))
    g.output(g.dense(g.op("Tanh", g.dense(dead, 5, 4)), 4, 2), ["n", 2])
    found = signature(g.save(tmp_path / "dead.onnx"), X)
    assert [s.status for s in found.sites] == ["degenerate", "degenerate"]
    assert all(s.reason and s.affinity is None for s in found.sites)


def test_inputs_go_by_name_whatever_their_order(tmp_path: Path) -> None:
    g = Builder()
    a, b = g.input(["n", 4], "a"), g.input(["n", 2], "b")
    joined = g.op("Concat", a, b, axis=1)
    g.output(g.dense(g.op("Relu", g.dense(joined, WIDTH, 5)), 5, 2), ["n", 2])
    path = g.save(tmp_path / "two.onnx")
    found = signature(path, {"b": X[:, 4:], "a": X[:, :4]})
    feeds: Iterator[dict[str, Array]] = ({"a": X[i:i + 5, :4], "b": X[i:i + 5, 4:]}
                                         for i in range(0, ROWS, 5))  # fmt: skip
    np.testing.assert_allclose(signature(path, feeds).values, found.values, rtol=ROUNDING)
    with pytest.raises(DataError, match="'b'"):
        signature(path, {"a": X[:, :4]})


@pytest.mark.parametrize(
    ("selection", "scored_ones"),
    [
        ({}, ["Relu", "Tanh"]),
        ({"roles": "all"}, ["Relu", "Tanh", "Sigmoid"]),
        ({"roles": "head"}, ["Sigmoid"]),
        ({"include": "first"}, ["Relu"]),
        ({"exclude": "^first"}, ["Tanh"]),
        ({"roles": "hidden, head", "exclude": "second"}, ["Relu", "Sigmoid"]),
    ],
)
def test_roles_and_names_select_what_is_scored(
    selection: dict[str, Any], scored_ones: list[str], tmp_path: Path
) -> None:
    found = signature(mlp(tmp_path), X, **selection)
    assert [s.activation for s in found.sites if s.status == "ok"] == scored_ones
    left = [s for s in found.sites if s.status != "ok"]
    assert all((s.status, s.samples) == ("unscored", 0) for s in left)
    assert {s.reason for s in left} <= {"role", "not included", "excluded"}
    assert len(found.sites) == 3


def test_a_network_that_ends_in_its_only_activation_is_scored_all_the_same(tmp_path: Path) -> None:
    g = Builder()
    g.output(g.op("Relu", g.dense(g.input(["n", WIDTH]), WIDTH, 5)), ["n", 5])
    path = g.save(tmp_path / "head.onnx")
    (site,) = signature(path, X).sites
    assert (site.role, site.status) == ("head", "ok")
    with pytest.raises(NothingToScoreError, match="role"):
        signature(path, X, roles="hidden")


def test_nothing_to_score_is_an_error_of_its_own(tmp_path: Path) -> None:
    g = Builder()
    g.output(g.dense(g.input(["n", WIDTH]), WIDTH, 5), ["n", 5])
    with pytest.raises(NothingToScoreError, match="no activation in the model"):
        signature(g.save(tmp_path / "linear.onnx"), X)
    with pytest.raises(NothingToScoreError, match="not included"):
        signature(mlp(tmp_path), X, include="nothing")


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("pool", POOLS)
def test_every_estimate_and_pooling_gives_scores(
    covariance: str, pool: str, tmp_path: Path
) -> None:
    found = signature(mlp(tmp_path), X, covariance=covariance, pool=pool)
    assert (found.run["covariance"], found.run["pool"]) == (covariance, pool)
    for site in found.sites[:2]:
        used = site.scores["covariance"]
        assert used == covariance or (covariance == "auto" and used in COVARIANCES)
        assert site.affinity is not None
        assert 0 <= site.affinity <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"covariance": "best"}, "no covariance 'best'"),
        ({"pool": "median"}, "no pool 'median'"),
        ({"metrics": ("beauty",)}, "no metric beauty"),
        ({"roles": "tail"}, "no role 'tail'"),
        ({"include": "("}, "no regular expression"),
        ({"samples": 0}, "samples is 0"),
        ({"device": "tpu"}, "no device 'tpu'"),
    ],
)
def test_a_value_that_no_option_takes_is_refused(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=message):
        signature(mlp(tmp_path), X, **options)


def test_metrics_selects_the_companions(tmp_path: Path) -> None:
    site = signature(mlp(tmp_path), X, metrics=("cka",)).sites[0]
    assert site.scores["cka"] is not None
    assert site.scores["r2"] is None
    assert site.reasons["r2"]


def test_progress_is_told_after_every_batch(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    signature(mlp(tmp_path), X, batch_size=20, progress=lambda done, of: told.append((done, of)))
    assert told == [(20, ROWS), (ROWS, ROWS)]


def test_a_model_that_fails_while_running_is_a_run_error(tmp_path: Path) -> None:
    g = Builder()
    hidden = g.op("Relu", g.dense(g.input(["n", WIDTH]), WIDTH, 5))
    g.output(g.op("Reshape", hidden, g.tensor(np.array([7, 11], np.int64))), [7, 11])
    with pytest.raises(RunError, match="cannot run the model"):
        signature(g.save(tmp_path / "broken.onnx"), X)


def test_the_models_file_is_never_touched(tmp_path: Path) -> None:
    path = mlp(tmp_path)
    before = path.read_bytes()
    signature(path, X)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_signature_survives_its_file(tmp_path: Path) -> None:
    found = signature(mlp(tmp_path), X)
    found.to_json(tmp_path / "s.json")
    assert Signature.from_json(tmp_path / "s.json") == found


def test_a_signature_is_a_table(tmp_path: Path) -> None:
    found = signature(mlp(tmp_path), X)
    table = found.to_dataframe()
    assert list(table["name"]) == [s.name for s in found.sites]
    np.testing.assert_array_equal(table["affinity"].dropna().astype(float), found.values)


@pytest.mark.parametrize("name", ZOO)
def test_every_network_of_the_zoo_has_its_activations_and_plausible_scores(name: str) -> None:
    digits = str(MODELS / "digits.npz")
    found = signature(MODELS / ZOO[name]["file"], digits, samples=64, roles="all", metrics=())
    expected = [(s["activation"], s["role"], s["features"]) for s in ZOO[name]["expected_sites"]]
    assert [(s.activation, s.role, s.features) for s in found.sites] == expected
    assert found.run["outputs_verified"]
    assert found.summary["scored"] == len(expected)
    assert all(0 <= v <= 1 for v in found.values)
    assert {s.samples for s in found.sites} == {64}
