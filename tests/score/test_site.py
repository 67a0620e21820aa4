"""What is recorded for a site, in health and in trouble."""

import doctest
import importlib
import json
import pkgutil

import numpy as np
import pytest

from onnx_affscore import score
from onnx_affscore.errors import DataError, DegenerateScoreError, OptionError
from onnx_affscore.records import FloatArray, SiteScore, Status
from onnx_affscore.score import affinity, affinity_score, score_sample

from .oracles import EPS32, feature_sample, paired

KEYS = {
    "affinity",
    "covariance",
    "affinity_low",
    "affinity_high",
    "affinity_std",
    "affinity_corrected",
    "affinity_empirical",
    "affinity_ledoit_wolf",
    "cka",
    "r2",
    "sparsity_before",
    "sparsity_after",
    "entropy_before",
    "entropy_after",
    "norm_diff",
    "r2_heldout",
    "linearity",
    "linearity_residual",
    "cka_unbiased",
    "cka_rbf",
    "dead_share",
    "saturated_share",
    "effective_rank_before",
    "effective_rank_after",
}


def normal(n: int = 200, d: int = 5) -> FloatArray:
    return np.random.default_rng(0).standard_normal((n, d))


def scored(x: FloatArray, y: FloatArray, covariance: str = "auto") -> SiteScore:
    found = score_sample(paired(x, y, EPS32), covariance=covariance)
    assert set(found.scores) == KEYS
    json.dumps([dict(found.scores), dict(found.rank), dict(found.transport)], allow_nan=False)
    missing = {key for key, value in found.scores.items() if value is None}
    assert set(found.reasons) == missing  # whatever is null has its reason
    return found


def test_a_site_records_every_score_of_the_contract() -> None:
    x = normal()
    found = scored(x, np.maximum(x, 0.0))
    assert (found.status, found.samples, found.features) == (Status.OK, 200, 5)
    assert not found.reasons
    low, middle, high = (
        float(found.scores[f"affinity{end}"] or 0.0) for end in ("_low", "", "_high")
    )
    assert 0.0 < low < middle < high
    assert (found.rank["input"], found.rank["output"]) == (5, 5)
    assert set(found.rank) == {"input", "output", "noise_floor"}
    assert set(found.transport) == {"solver", "certificate", "paired", "lower", "upper"}
    assert found.transport["lower"] == found.transport["upper"] == found.scores["affinity"]
    for key, value in found.scores.items():
        assert value is None or type(value) is (str if key == "covariance" else float), key


def test_auto_depends_on_samples_per_direction() -> None:
    x = normal(50, 5)
    assert scored(x[:25], np.tanh(x[:25])).scores["covariance"] == "corrected"
    found = scored(x[:24], np.tanh(x[:24]))
    assert found.scores["covariance"] == "ledoit-wolf"
    assert found.scores["affinity"] == found.scores["affinity_ledoit_wolf"]
    assert scored(x, x**2).scores["covariance"] == "empirical"  # a plan that moves
    assert scored(x[:49], x[:49] ** 2).scores["covariance"] == "ledoit-wolf"
    low_rank = normal(50, 5) @ normal(5, 40)
    assert scored(low_rank, low_rank).scores["covariance"] == "corrected"


def test_auto_is_corrected_where_an_interval_is_given() -> None:
    x = normal(200, 5)
    found = scored(x, np.tanh(x))
    assert found.adequacy["verdict"] == "adequate"
    assert found.scores["covariance"] == "corrected"
    assert found.scores["affinity"] == found.scores["affinity_corrected"]
    plug_in, value = (found.scores[key] for key in ("affinity_empirical", "affinity"))
    assert isinstance(value, float)
    assert plug_in == pytest.approx(value + found.adequacy["bias"])


def test_adequacy_is_told_where_there_is_no_interval() -> None:
    x = normal(40, 8)
    found = scored(x, np.tanh(x))
    assert found.adequacy["verdict"] == "few samples"
    assert found.adequacy["samples_per_feature"] == found.adequacy["samples_per_direction"] == 5.0
    assert found.adequacy["reason"] == found.reasons["affinity_low"]
    assert 0.0 < found.adequacy["shrinkage_input"] < 1.0


def test_influences_are_kept_where_they_are_asked_for() -> None:
    x = normal()
    assert score_sample(paired(x, np.tanh(x))).influence is None
    found = score_sample(paired(x, np.tanh(x)), influence=True)
    assert found.influence is not None
    n = len(found.influence)
    error = np.sqrt(found.influence @ found.influence / (n * (n - 1)))
    assert error == pytest.approx(found.scores["affinity_std"])


def test_a_scarce_empirical_headline_is_warned_of() -> None:
    x = normal(30, 5)
    found = scored(x, np.tanh(x), covariance="empirical")
    assert "30 samples for rank 5" in found.warnings[0]
    assert found.scores["affinity"] == found.scores["affinity_empirical"]
    assert not scored(x, np.tanh(x)).warnings


@pytest.mark.parametrize(
    "covariance", ["empirical", "ledoit-wolf", "ledoit-wolf-cc", "reference", "reference-lw"]
)
def test_the_headline_is_the_estimate_asked_for(covariance: str) -> None:
    x = normal()
    y = np.tanh(x)
    found = scored(x, y, covariance=covariance)
    assert found.scores["covariance"] == covariance
    assert found.scores["affinity"] == affinity_score(x, y, covariance, noise=EPS32)


def test_a_constant_output_is_degenerate_and_other_metrics_stay() -> None:
    x = normal()
    found = scored(x, np.full_like(x, 0.3))
    assert found.status is Status.DEGENERATE
    assert "the output is constant" in (found.reason or "")
    assert found.scores["affinity"] is None
    assert found.scores["affinity_ledoit_wolf"] is None
    assert found.scores["entropy_after"] is not None
    assert found.scores["norm_diff"] is not None
    assert found.rank["output"] == 0


def test_a_constant_input_is_degenerate() -> None:
    x = normal()
    found = scored(np.full_like(x, 0.3), x)
    assert found.status is Status.DEGENERATE
    assert "the input is constant" in (found.reason or "")


def test_the_reference_answers_1_for_a_constant_output() -> None:
    x = normal()
    for covariance in ("reference", "reference-lw"):
        found = scored(x, np.zeros_like(x), covariance=covariance)
        assert found.scores["affinity"] == 1.0
        assert any("the published code answers 1" in warning for warning in found.warnings)
        assert found.scores["affinity_empirical"] is None
        almost = 1.1e-3 * np.sign(x)  # Tr Σy is just above 2e-6·d with the ridge
        assert affinity_score(x, almost, covariance) < 1.0


def test_numbers_that_are_not_finite_are_counted_and_located() -> None:
    x = normal()
    x[7, 3], x[9, 0] = np.nan, np.inf
    found = scored(x, np.maximum(x, 0.0))
    assert found.status is Status.UNDEFINED
    assert found.reason == (
        f"1 NaN and 1 infinite of 1000 values of the input, in 2 sample(s) (counted from 0: 7, 9)"
        f" and 2 of {x.shape[1]} features; such samples are not dropped: see what they hold, and"
        " leave them out of the data if they do not belong there"
    )
    numbers = {key for key, value in found.scores.items() if isinstance(value, float)}
    assert numbers == {"sparsity_before", "sparsity_after", "saturated_share"}
    assert found.rank["input"] is None


def test_metrics_of_the_sound_side_stay() -> None:
    x = normal()
    y = x.copy()
    y[0, 0] = -np.inf
    found = scored(x, y)
    assert found.scores["entropy_before"] is not None
    assert found.scores["entropy_after"] is None


@pytest.mark.parametrize(
    ("n", "status", "reason"),
    [(0, Status.UNDEFINED, "has no sample"), (1, Status.DEGENERATE, "one sample has no spread")],
)
def test_too_few_samples_have_a_status(n: int, status: Status, reason: str) -> None:
    for covariance in ("auto", "empirical", "ledoit-wolf-cc", "reference"):
        found = scored(normal(n), normal(n), covariance=covariance)
        assert found.status is status
        assert reason in (found.reason or "")


def test_two_samples_are_scored() -> None:
    """Two points are matched by any map: ρ = 1."""
    x = normal(2)
    assert scored(x, np.tanh(x)).scores["affinity_empirical"] is not None


def test_no_feature_is_undefined() -> None:
    empty = np.zeros((5, 0))
    assert scored(empty, empty).status is Status.UNDEFINED


def test_deselected_metrics_say_so() -> None:
    x = normal()
    found = score_sample(paired(x, x), metrics=["cka"])
    assert found.scores["cka"] is not None
    assert found.scores["r2"] is None
    assert found.reasons["r2"] == "metric not selected"


def test_r2_flags_reach_the_site() -> None:
    x = normal(6, 5)
    assert any(warning.startswith("r2: 6 samples") for warning in scored(x, np.tanh(x)).warnings)


def test_ranks_and_floors_are_in_the_units_of_the_features() -> None:
    x = normal()
    small, large = (scored(scale * x, np.tanh(x)).rank["noise_floor"] for scale in (1.0, 1024.0))
    assert small is not None
    assert large == pytest.approx(1024.0 * small, rel=1e-12)


def test_options_that_do_not_exist_are_refused() -> None:
    x = normal()
    with pytest.raises(OptionError, match="wanted one of auto, corrected, cross-fitted, empirical"):
        affinity_score(x, x, "oas")
    with pytest.raises(OptionError, match="no metric entropie; wanted some of cka"):
        score_sample(paired(x, x), metrics=["entropie"])
    with pytest.raises(OptionError, match="noise is -1"):
        affinity_score(x, x, noise=-1.0)


def test_shapes_that_do_not_pair_up_are_refused() -> None:
    x = normal()
    with pytest.raises(DataError, match=r"X has shape \(200, 5\) and Y \(199, 5\)"):
        affinity_score(x, x[1:])
    with pytest.raises(DataError, match=r"X has shape \(2, 2, 2\)"):
        affinity_score(np.zeros((2, 2, 2)), x)
    with pytest.raises(DataError, match="X holds complex128"):
        affinity_score(1j * x, x)
    with pytest.raises(DataError, match="wanted one shape"):
        score_sample(paired(x, x[:, :2]))
    with pytest.raises(DataError, match="wanted \\(samples, features\\)"):
        score_sample(paired(x[0], x[0]))


def test_scores_that_do_not_exist_are_raised() -> None:
    x = normal()
    with pytest.raises(DegenerateScoreError, match="the output is constant"):
        affinity_score(x, np.zeros_like(x))
    with pytest.raises(DataError, match="1 NaN of 3 values of the input"):
        affinity_score([0.0, np.nan, 1.0], [0.0, 0.0, 1.0])


def test_one_feature_may_be_a_vector() -> None:
    x = normal(50, 1)
    assert affinity_score(x[:, 0], np.tanh(x)) == affinity_score(x, np.tanh(x))


def test_the_type_of_an_array_tells_its_rounding() -> None:
    x = normal(300, 4) @ normal(4, 8)
    for name in ("float16", "float32", "float64"):
        rounded = x.astype(name)
        explicit = affinity_score(rounded, rounded**3, noise=float(np.finfo(name).eps))
        assert affinity_score(rounded, rounded**3) == explicit
    ml_dtypes = pytest.importorskip("ml_dtypes")
    brain = x.astype(ml_dtypes.bfloat16)
    assert affinity_score(brain, brain) == affinity_score(brain, brain, noise=2.0**-7)
    assert affinity_score([1, 2, 4], [1, 2, 8]) == affinity_score([1.0, 2, 4], [1.0, 2, 8])


def test_nothing_is_written_to_an_argument() -> None:
    x, y = normal(), np.tanh(normal())
    for rows in (x, y):
        rows.setflags(write=False)
    before = x.copy(), y.copy()
    score_sample(paired(x, y))
    affinity_score(x, y, "ledoit-wolf-cc")
    assert np.array_equal(before, (x, y))


def test_the_rms_of_the_unpooled_tensor_may_have_overflowed() -> None:
    x = normal()
    sample = paired(x, x)
    broken = type(sample)(
        feature_sample(x, EPS32, rms=np.inf), feature_sample(x, EPS32, rms=np.nan)
    )
    assert affinity(broken, covariance="empirical").value == pytest.approx(1.0, abs=1e-7)


def test_a_plan_that_is_not_known_to_be_optimal_gives_bounds_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = normal(60, 3)
    exact = affinity_score(x, np.abs(x))
    for limit in ("PAIRED_WORK", "ASSIGNMENT_LIMIT", "WORK"):
        monkeypatch.setattr(f"onnx_affscore.score.plan.{limit}", 0)
    found = scored(x, np.abs(x), covariance="empirical")
    assert found.status is Status.UNDEFINED
    assert "no optimal plan was found for 60 samples" in (found.reason or "")
    assert found.transport["lower"] <= exact < found.transport["upper"]


@pytest.mark.parametrize("name", [info.name for info in pkgutil.iter_modules(score.__path__)])
def test_the_examples_of_a_module_run(name: str) -> None:
    module = importlib.import_module(f"onnx_affscore.score.{name}")
    assert doctest.testmod(module).failed == 0


def test_two_samples_come_with_the_warning_that_they_say_nothing() -> None:
    found = scored(normal(2), np.maximum(normal(2), 0.0))
    assert found.status is not Status.OK or any("says nothing" in w for w in found.warnings)
    assert not any("says nothing" in w for w in scored(normal(), normal() ** 3).warnings)
