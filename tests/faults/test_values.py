"""Few, equal, huge and tiny numbers: a score that follows, or the reason why there is none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_affscore import signature
from onnx_affscore.records import Array, ScoredSite
from tests.builder import Builder
from tests.faults.graphs import ROWS, identity, tokens, two_sites

pytestmark = pytest.mark.filterwarnings("error")
# Scores follow features of 1e-7 relative rounding.
ROUNDING = 1e-6


def only(builder: Builder, folder: Path, data: Array, **options: Any) -> ScoredSite:
    (site,) = signature(builder.save(folder / "model.onnx"), data, **options).sites
    return site


@pytest.mark.parametrize("exponent", [-100, -60, 60, 100, 124])
def test_a_relu_does_not_see_the_scale_of_its_input(exponent: int, tmp_path: Path) -> None:
    plain = only(identity("Relu"), tmp_path, ROWS)
    found = only(identity("Relu"), tmp_path, np.ldexp(ROWS, exponent).astype(np.float32))
    assert found.status == "ok"
    assert found.affinity == pytest.approx(plain.affinity, abs=ROUNDING)
    assert found.rank == {**plain.rank, "noise_floor": found.rank["noise_floor"]}
    shifted = only(identity("Relu"), tmp_path, ROWS + 0.5)
    assert shifted.affinity != pytest.approx(plain.affinity, abs=ROUNDING)


def test_numbers_below_the_normal_ones_are_scored_as_far_as_they_are_there(tmp_path: Path) -> None:
    tiny = np.ldexp(ROWS, -133).astype(np.float32)  # 2^-149 is the smallest: 16 bits are left
    found = only(identity("Relu"), tmp_path, tiny)
    expected = only(identity("Relu"), tmp_path, np.ldexp(tiny, 133).astype(np.float32))
    assert found.affinity == pytest.approx(expected.affinity, abs=ROUNDING)


def test_numbers_beyond_single_precision_are_none_and_the_site_says_which(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[[3, 8], 1] = 1000
    found = only(identity("Exp"), tmp_path, rows)
    assert (found.status, found.affinity) == ("undefined", None)
    said = "2 infinite of 600 values of the output, in 2 sample(s) (counted from 0: 3, 8)"
    assert said in str(found.reason)
    assert "leave them out of the data" in str(found.reason)


def test_of_many_samples_that_are_no_numbers_the_first_are_listed(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[5:40, 1] = np.nan
    found = only(identity("Tanh"), tmp_path, rows)
    assert "in 35 sample(s) (counted from 0: 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, ...)" in str(
        found.reason
    )


def test_samples_are_counted_where_each_has_many_rows(tmp_path: Path) -> None:
    data = np.random.default_rng(5).normal(size=(20, 7, 6)).astype(np.float32)
    data[11, 3] = np.nan
    found = only(tokens(["n", "t", 6]), tmp_path, data, pool="positions")
    assert "in 1 sample(s) (counted from 0: 11) and 5 of 5 features" in str(found.reason)


def test_a_site_that_no_bad_number_reaches_keeps_its_score(tmp_path: Path) -> None:
    def spoiled(g: Builder, y: str) -> str:
        shifted = g.op("Add", g.op("ReduceSum", "x", g.const(np.array([1]))), 100.0)
        return g.op("Add", y, g.op("Sqrt", shifted))

    rows = ROWS.copy()
    rows[[3, 8], 0] = -1000  # the square root of a negative number
    first, second = signature(two_sites(spoiled).save(tmp_path / "model.onnx"), rows).sites
    assert first.status == "ok"
    assert (second.status, second.affinity) == ("undefined", None)
    assert "NaN of 400 values of the input, in 2 sample(s) (counted from 0: 3, 8)" in str(
        second.reason
    )


def test_one_sample_has_no_spread(tmp_path: Path) -> None:
    found = only(identity("Relu"), tmp_path, ROWS[:1])
    assert (found.status, found.samples) == ("degenerate", 1)
    assert found.reason == "one sample has no spread; wanted at least 2"


def test_two_samples_have_a_score_with_a_caveat(tmp_path: Path) -> None:
    found = only(identity("Relu"), tmp_path, ROWS[:2])
    assert found.affinity == pytest.approx(1.0)
    assert any("the score says nothing" in w for w in found.warnings)


def test_fewer_samples_than_features_have_no_interval(tmp_path: Path) -> None:
    found = only(identity("Relu", 64), tmp_path, np.tile(ROWS, 11)[:20, :64])
    assert found.status == "ok"
    assert found.adequacy["verdict"] == "few samples"
    assert found.scores["affinity_low"] is None


def test_equal_samples_are_degenerate(tmp_path: Path) -> None:
    found = signature(two_sites().save(tmp_path / "model.onnx"), np.repeat(ROWS[:1], 50, axis=0))
    assert {s.status for s in found.sites} == {"degenerate"}
    assert all("constant up to the rounding" in str(s.reason) for s in found.sites)


def test_features_that_never_move_count_for_nothing(tmp_path: Path) -> None:
    still = np.full_like(ROWS, 0.25)
    still[:, 2] = ROWS[:, 2]
    found = only(identity("Relu"), tmp_path, still)
    alone = only(identity("Relu", 1), tmp_path, ROWS[:, 2:3])
    assert found.rank["input"] == alone.rank["input"] == 1
    assert found.affinity == pytest.approx(alone.affinity, abs=ROUNDING)


@pytest.mark.parametrize("activation", ["Relu", "Tanh"])
def test_whole_numbers_are_scored_like_others(activation: str, tmp_path: Path) -> None:
    found = only(identity(activation), tmp_path, np.round(3 * ROWS))
    assert found.status == "ok"
    assert found.affinity is not None
    assert 0 < found.affinity < 1


def test_one_sample_of_many_positions_is_many_rows_under_positions_alone(tmp_path: Path) -> None:
    sample = np.random.default_rng(4).normal(size=(1, 7, 6)).astype(np.float32)
    for pool in ("mean", "flatten", "reference"):
        found = only(tokens(["n", "t", 6]), tmp_path, sample, pool=pool)
        assert found.reason == "one sample has no spread; wanted at least 2"
    found = only(tokens(["n", "t", 6]), tmp_path, sample, pool="positions")
    assert (found.status, found.samples) == ("ok", 7)
