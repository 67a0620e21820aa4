"""Probes measured: against the score of the same arrays, under every pooling, and their caveat."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from onnx_affscore import Signature, affinity_score, signature
from onnx_affscore.asked import CAVEAT
from onnx_affscore.errors import NothingToScoreError, OptionError
from onnx_affscore.records import Array, Role, ScoredSite
from onnx_affscore.report import to_text
from tests.builder import Builder
from tests.graph.test_residuals import convolution

MODELS = Path(__file__).parents[1] / "models"
RNG = np.random.default_rng(5)
# Features come out of float32 kernels that add in another order than the fetched ones.
TOLERANCE = 1e-4


def probes(found: Signature) -> list[ScoredSite]:
    return [s for s in found.sites if s.role == Role.PROBE]


def images(n: int = 120) -> Array:
    return RNG.normal(size=(n, 3, 8, 8)).astype(np.float32)


def network() -> tuple[Builder, dict[str, str]]:
    """Conv, residual block, max-pool, channels last, global mean, and a classifier."""
    g = Builder()
    names = {"stem": g.op("Relu", convolution(g, g.input(["n", 3, 8, 8]), 3, 4))}
    inner = g.op("Relu", convolution(g, names["stem"], 4, 5))
    names["sum"] = g.op("Add", convolution(g, inner, 5, 4), names["stem"])
    names["pool"] = g.op("MaxPool", names["sum"], kernel_shape=[2, 2], strides=[2, 2])
    names["last"] = g.op("Transpose", names["pool"], perm=[0, 2, 3, 1])
    names["mean"] = g.op("ReduceMean", names["last"], axes=[1, 2], keepdims=0)
    names["flat"] = g.op("Flatten", names["pool"])
    g.output(g.dense(g.op("Relu", names["mean"]), 4, 2), ["n", 2])
    g.output(g.dense(names["flat"], 64, 2), ["n", 2])
    return g, names


def fetched(g: Builder, names: list[str], x: Array) -> list[Array]:
    proto = g.proto()
    for name in names:
        proto.graph.output.add().name = name
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return [np.asarray(a, np.float64) for a in session.run(names, {"x": x})]


@pytest.mark.parametrize("samples", [50, 120])  # all at once, and a census with a lean run
def test_each_end_is_pooled_by_its_own_layout(samples: int, tmp_path: Path) -> None:
    g, names = network()
    x = images(samples)
    pairs = [("stem", "sum"), ("sum", "pool"), ("pool", "last"), ("last", "mean"), ("stem", "mean")]
    asked = [f"{names[a]}:{names[b]}" for a, b in pairs]
    found = probes(signature(g.save(tmp_path / "m.onnx"), x, probes=asked, covariance="empirical"))
    over = {"stem": (2, 3), "sum": (2, 3), "pool": (2, 3), "last": (1, 2), "mean": ()}
    whole = dict(zip(over, fetched(g, [names[k] for k in over], x), strict=True))
    pooled = {k: a.mean(axis=over[k]) for k, a in whole.items()}
    scores = {s.name: s.affinity for s in found}
    for (a, b), text in zip(pairs, asked, strict=True):
        expected = affinity_score(pooled[a], pooled[b], noise=2**-20)
        assert scores[f"probe {text}"] == pytest.approx(expected, abs=TOLERANCE), (a, b)
    # The tolerance has teeth: other ends have other scores.
    other = affinity_score(pooled["stem"], pooled["pool"], noise=2**-20)
    assert scores[f"probe {asked[0]}"] != pytest.approx(other, abs=10 * TOLERANCE)


@pytest.mark.parametrize(
    ("pool", "pair", "reason"),
    [
        ("mean", ("stem", "flat"), "4 features before, 64 behind"),
        ("mean", ("pool", "last"), None),
        ("flatten", ("pool", "flat"), None),
        ("flatten", ("stem", "pool"), "256 features before, 64 behind"),
        ("positions", ("pool", "last"), None),
        ("positions", ("stem", "pool"), "64 positions of a sample before, 16 behind"),
        ("positions", ("last", "mean"), "16 positions of a sample before, 1 behind"),
        ("reference", ("stem", "mean"), None),
        ("reference", ("stem", "flat"), "4 features before, 64 behind"),
    ],
)
def test_ends_that_do_not_fit_are_listed_with_the_reason(
    pool: str, pair: tuple[str, str], reason: str | None, tmp_path: Path
) -> None:
    g, names = network()
    text = f"{names[pair[0]]}:{names[pair[1]]}"
    found = signature(g.save(tmp_path / "m.onnx"), images(40), probes=[text], pool=pool)
    (site,) = probes(found)
    assert site.reason == reason
    assert (site.affinity is None) == (reason is not None)


def test_a_reshaped_copy_scores_one_under_flatten(tmp_path: Path) -> None:
    g, names = network()
    text = f"{names['pool']}:{names['flat']}"
    path = g.save(tmp_path / "m.onnx")
    found = signature(path, images(80), probes=[text], pool="flatten", covariance="empirical")
    assert probes(found)[0].affinity == pytest.approx(1.0, abs=TOLERANCE)


def test_the_caveat_is_true_and_shown(tmp_path: Path) -> None:
    g = Builder()
    x = g.input(["n", 2])
    turned = g.op("MatMul", x, g.tensor(np.array([[1.0, 1.0], [-1.0, 1.0]]) / 2**0.5))
    g.output(g.op("Identity", turned), ["n", 2])
    square = RNG.uniform(-1, 1, size=(400, 2)).astype(np.float32)
    found = signature(g.save(tmp_path / "m.onnx"), square, probes=[f"x:{turned}"])
    (site,) = found.sites
    assert site.affinity is not None
    assert site.affinity < 0.95  # linear, and no scaling
    assert site.warnings[0] == CAVEAT
    assert "no linearity test" in to_text(found)


def test_minus_x_on_symmetric_data_scores_one(tmp_path: Path) -> None:
    g = Builder()
    y = g.op("Neg", g.input(["n", 1]))
    g.output(g.op("Identity", y), ["n", 1])
    half = RNG.normal(size=(60, 1)).astype(np.float32)
    data = np.concatenate([half, -half])
    found = signature(g.save(tmp_path / "m.onnx"), data, probes=[f"x:{y}"])
    assert found.sites[0].affinity == pytest.approx(1.0, abs=1e-6)  # float32 rounding of sums


@pytest.mark.parametrize(("least", "exact"), [(0.5, True), (-0.5, False)])
def test_a_batch_normalisation_scores_one_where_no_scale_is_negative(
    least: float, exact: bool, tmp_path: Path
) -> None:
    g = Builder()
    x = g.dense(g.input(["n", 4]), 4, 6)
    scale, shift = np.linspace(least, 2, 6), np.linspace(-1, 1, 6)
    y = g.op("BatchNormalization", x, *(g.tensor(a) for a in (scale, shift, shift, np.ones(6))))
    g.output(g.dense(g.op("Relu", y), 6, 2), ["n", 2])
    data = RNG.normal(size=(300, 4)).astype(np.float32)
    path = g.save(tmp_path / "m.onnx")
    (site,) = probes(signature(path, data, operators="normalisation", covariance="empirical"))
    # A diagonal of positive numbers is the optimal map itself: one, up to float32 rounding.
    assert (site.affinity == pytest.approx(1.0, abs=TOLERANCE)) == exact


def digits(**options: Any) -> Signature:
    with np.load(MODELS / "digits.npz", allow_pickle=False) as data:
        image = data["image"][:200]
    return signature(MODELS / "torch_resnet.onnx", image, **options)


def test_probes_leave_the_signature_as_it_is() -> None:
    plain = digits()
    more = digits(operators=("residual", "max-pool"), composition=True)
    np.testing.assert_allclose(more.values, plain.values, rtol=0, atol=TOLERANCE)
    assert more.summary["mean"] == pytest.approx(plain.summary["mean"], abs=TOLERANCE)
    assert plain.summary["scored"] == len(plain.values) == 17
    scored = sum(s.affinity is not None for s in more.sites)
    assert more.summary["scored"] == scored > 17
    assert more.summary["sites"] == len(more.sites)
    assert more.run["operators"] == ["residual", "max-pool"]
    assert more.run["composition"] is True
    assert "(without probes)" in to_text(more)
    assert "(without probes)" not in to_text(plain)


def test_where_only_probes_are_scored_they_are_the_values() -> None:
    found = digits(operators="residual", roles="probe")
    scored = [s.affinity for s in found.sites if s.affinity is not None]
    assert found.values.tolist() == scored
    assert {s.role for s in found.sites if s.affinity is not None} == {Role.PROBE}


def test_a_shortcut_into_more_channels_is_listed_with_the_reason() -> None:
    found = probes(digits(operators="residual"))
    reasons = [s.reason for s in found if s.params]
    assert reasons == [
        f"{a} features before, {b} behind" for a, b in [(16, 20), (20, 28), (28, 36)]
    ]
    assert all(s.affinity is not None for s in found if not s.params)


def test_softmax_is_selected_by_asking_for_it() -> None:
    with np.load(MODELS / "digits.npz", allow_pickle=False) as data:
        image = data["image"][:100]
    found = signature(MODELS / "torch_vit.onnx", image, operators=["softmax"])
    (own, *more) = [s for s in found.sites if s.activation == "Softmax"]
    assert len(more) == 3
    assert own.role == Role.ATTENTION
    assert own.affinity is not None
    assert CAVEAT in own.warnings
    assert all(CAVEAT not in s.warnings for s in found.sites if s.activation != "Softmax")


def test_what_is_asked_for_and_not_there_is_said(tmp_path: Path) -> None:
    found = digits(operators="softmax,residual")
    assert "--operators softmax: the model has none" in found.warnings
    g = Builder()
    g.output(g.dense(g.input(["n", 3]), 3, 3), ["n", 3])
    with pytest.raises(NothingToScoreError):
        signature(g.save(tmp_path / "m.onnx"), np.ones((4, 3), np.float32), operators="residual")
    with pytest.raises(OptionError, match="no kind of operators 'pool'"):
        digits(operators="pool")


def test_include_and_exclude_hold_for_probes_too() -> None:
    found = digits(operators="residual", include="residual", exclude=r"layer[34]")
    scored = [s.name for s in found.sites if s.affinity is not None]
    assert scored == ["layer1.0 (residual)", "layer1.1 (residual)", "layer2.1 (residual)"]
