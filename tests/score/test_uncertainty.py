"""Bias, standard error and interval against known truths; verdicts where there is no interval."""

from dataclasses import replace

import numpy as np
import pytest

from onnx_affscore.records import FloatArray
from onnx_affscore.score import Prepared, affinity
from onnx_affscore.score.headline import CORRECTED, headline, scored
from onnx_affscore.score.uncertainty import Plan, Uncertainty, Verdict, uncertainty

from .oracles import paired

RELU = 1.0 - np.sqrt(1.0 - np.sqrt(np.pi / (2.0 * np.pi - 2.0)))
"""Of normal features: x and relu(x) have the correlation (1/2)/√(1/2 - 1/(2π))."""


def relu(x: FloatArray) -> FloatArray:
    return np.maximum(x, 0.0)


def normal(n: int, d: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((n, d))


def known(x: FloatArray, y: FloatArray) -> Uncertainty:
    sample = Prepared(paired(x, y))
    return uncertainty(sample, affinity(sample, covariance="empirical"))


def test_the_interval_holds_the_population_score_and_the_plug_in_does_not() -> None:
    hits, errors, raw = 0, [], []
    for seed in range(40):
        x = normal(480, 24, seed)
        found = known(x, relu(x))
        assert found.verdict is Verdict.ADEQUATE
        assert found.low is not None
        assert found.high is not None
        assert found.corrected is not None
        assert found.bias is not None
        hits += found.low <= RELU <= found.high
        errors.append(found.corrected - RELU)
        raw.append(found.corrected + found.bias - RELU)
    # 40 intervals of 95 %: fewer than 34 hits have a probability below .003.
    assert hits >= 34
    error = np.std(errors) / np.sqrt(40)
    assert abs(np.mean(errors)) < 4.0 * error
    assert np.mean(raw) > 6.0 * error


def test_the_standard_error_is_the_spread_of_the_scores() -> None:
    found = [known(x, relu(x)) for x in (normal(240, 6, seed) for seed in range(60))]
    spread = np.std([f.corrected for f in found if f.corrected is not None])
    told = np.mean([f.std for f in found if f.std is not None])
    # A standard deviation of 60 values is known to 9 %; influences are enlarged by some 5 %.
    assert told == pytest.approx(spread, rel=0.3)


def test_twice_each_sample_as_rows_of_one_says_no_more() -> None:
    x = normal(300, 5)
    once = known(x, relu(x))
    twice = paired(np.repeat(x, 2, axis=0), np.repeat(relu(x), 2, axis=0))
    owners = np.repeat(np.arange(300), 2)
    sides = (replace(side, owners=owners) for side in (twice.x, twice.y))
    sample = Prepared(type(twice)(*sides))
    found = uncertainty(sample, affinity(sample, covariance="empirical"))
    assert found.samples_per_direction == once.samples_per_direction
    # The leverage of a row is half of its sample's: it enlarges less.
    assert found.std == pytest.approx(once.std, rel=0.05)
    assert found.bias == pytest.approx(once.bias, rel=0.05)
    assert once.influence is not None
    assert found.influence is not None
    assert found.influence.shape == (300,)
    alone = known(np.repeat(x, 2, axis=0), np.repeat(relu(x), 2, axis=0))
    assert alone.std is not None
    assert once.std is not None
    assert alone.std < 0.8 * once.std


def test_too_few_samples_have_no_interval() -> None:
    x = normal(49, 5)
    found = known(x, relu(x))
    assert found.verdict is Verdict.FEW_SAMPLES
    assert found.reason == "49 samples for rank 5, 9.8 a direction; wanted 10"
    assert (found.low, found.high, found.std) == (None, None, None)
    assert found.bias is not None
    assert found.bias > 0.0
    small = normal(199, 1)
    assert known(small, relu(small)).reason == "199 samples; wanted 200"
    assert known(x[:24], relu(x[:24])).bias is None


def test_a_plan_that_moves_with_n_has_no_interval() -> None:
    x = normal(800, 6)
    found = known(x, np.abs(x))
    assert found.plan is Plan.MOVING
    assert found.verdict is Verdict.MOVING_PLAN
    assert found.low is None
    # The population's score is .807; a sample of 800 gives far less, and the ceiling knows.
    score = affinity(paired(x, np.abs(x)), covariance="empirical").value
    assert score is not None
    assert found.ceiling is not None
    assert score < 0.7 < found.ceiling


def test_on_a_line_any_plan_is_known() -> None:
    truth, hits = 0.8070, []
    for seed in range(40):
        x = normal(400, 1, seed)
        found = known(x, np.abs(x))
        assert found.plan is Plan.LINE
        if found.low is not None and found.high is not None:
            hits.append(found.low <= truth <= found.high)
    assert len(hits) >= 30  # in some samples the largest few decide
    assert sum(hits) >= 0.85 * len(hits)


def test_a_handful_of_samples_that_carry_the_score_is_told() -> None:
    x = normal(200, 1)
    x[0] = 10.0
    found = known(x, np.tanh(x))
    assert found.verdict is Verdict.FEW_DECIDE
    assert found.std is None


def test_an_affine_activation_has_an_interval_of_no_width() -> None:
    x = normal(200, 4)
    found = known(x, 2.0 * x + 1.0)
    assert found.verdict is Verdict.ADEQUATE
    assert found.low == found.high == found.corrected == pytest.approx(1.0, abs=1e-7)
    assert found.std == 0.0


def test_the_ceiling_of_independent_features_is_the_score() -> None:
    x = normal(2000, 12)
    found = known(x, relu(x))
    assert found.corrected is not None
    assert found.ceiling == pytest.approx(found.corrected, abs=0.01)
    turn = np.linalg.qr(normal(12, 12))[0]
    turned = known(x @ turn, relu(x) @ turn)  # the score is the same, the marginals are normal
    assert turned.corrected == pytest.approx(found.corrected, abs=1e-6)
    assert turned.ceiling is not None
    assert found.ceiling is not None
    assert turned.ceiling > found.ceiling + 0.1


def test_automatic_is_corrected_where_that_is_known() -> None:
    x = normal(600, 8)
    sample = Prepared(paired(x, relu(x)))
    found = scored(sample)
    assert found.headline.covariance == CORRECTED
    assert found.headline.value == found.known.corrected == headline(sample).value
    assert found.headline.lower == found.headline.upper == pytest.approx(found.known.corrected)
    empirical = found.estimates["empirical"].value
    assert empirical is not None
    assert found.known.corrected is not None
    assert found.known.bias == pytest.approx(empirical - found.known.corrected)
    assert headline(sample, covariance="empirical").value == empirical


def test_automatic_is_empirical_where_the_plan_moves_and_shrunk_where_samples_are_few() -> None:
    x = normal(300, 6)
    moved = Prepared(paired(x, np.abs(x)))
    assert scored(moved).headline.covariance == headline(moved).covariance == "empirical"
    few = Prepared(paired(x[:29], relu(x[:29])))
    assert scored(few).headline.covariance == headline(few).covariance == "ledoit-wolf"
    more = Prepared(paired(x[:30], relu(x[:30])))
    assert scored(more).headline.covariance == headline(more).covariance == CORRECTED
    assert scored(more).known.low is None


def test_what_cannot_be_corrected_has_its_reason() -> None:
    x = normal(300, 6)
    found = headline(Prepared(paired(x, np.abs(x))), covariance=CORRECTED)
    assert found.value is None
    assert found.reason == "the optimal plan still changes with n, and the score with it"
    few = headline(Prepared(paired(x[:20], relu(x[:20]))), covariance=CORRECTED)
    assert "wanted 10" in (few.reason or "")
