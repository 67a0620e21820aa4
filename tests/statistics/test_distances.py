"""Matrices of distances: laws of every row of the table, and what cannot be given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.errors import OptionError
from onnx_affscore.statistics.distances import DISTANCES, distance_matrix
from tests.statistics.makers import signature, waves

VALUES = st.lists(st.floats(0, 1), min_size=5, max_size=5)
ROUNDING = 1e-12  # a few sums of five numbers below 1


@pytest.mark.parametrize("name", DISTANCES)
@given(many=st.lists(VALUES, min_size=2, max_size=4))
def test_a_matrix_is_symmetric_and_zero_between_the_same(
    name: str, many: list[list[float]]
) -> None:
    found = distance_matrix([signature(v) for v in [*many, many[0]]], name)
    square = np.array(found.values, dtype=float)
    assert found.reasons == ()
    assert np.array_equal(square, square.T)
    assert np.all(np.diag(square) == 0)
    assert square[0, -1] == 0
    assert np.all(square >= 0)


@given(VALUES, VALUES)
def test_at_equal_length_each_has_its_closed_form_or_bound(a: list[float], b: list[float]) -> None:
    both = [signature(a), signature(b)]
    found = {name: distance_matrix(both, name).values[0][1] for name in DISTANCES}
    x, y = np.array(a), np.array(b)
    assert found["l2"] == pytest.approx(np.sqrt(np.sum((x - y) ** 2)), abs=ROUNDING)
    sorted_apart = np.abs(np.sort(x) - np.sort(y)).mean()
    assert found["wasserstein"] == pytest.approx(sorted_apart, abs=ROUNDING)
    assert found["dtw"] is not None
    assert found["l2"] is not None
    assert found["dtw"] <= found["l2"] + ROUNDING


def test_l2_needs_a_partner_for_every_site_and_says_so() -> None:
    found = distance_matrix([signature([0.1, 0.2]), signature([0.1]), signature([0.4, 0.2])], "l2")
    assert found.values[0][1] is None
    assert found.values[0][2] == pytest.approx(0.3, abs=ROUNDING)
    (reason,) = found.reasons
    assert "L2 needs a partner for every site" in reason


def test_l2_by_name_finds_sites_in_another_order() -> None:
    a = signature([0.1, 0.9], sites=[{"name": "x"}, {"name": "y"}])
    b = signature([0.9, 0.1], sites=[{"name": "y"}, {"name": "x"}])
    assert distance_matrix([a, b], "l2", align="name").values[0][1] == 0
    assert distance_matrix([a, b], "l2", align="order").values[0][1] == pytest.approx(0.8 * 2**0.5)


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_signature_without_scores_has_no_distance_and_harms_no_other(
    name: str, place: int
) -> None:
    many = [signature([0.1, 0.5]), signature([0.3, 0.5])]
    many.insert(place, signature([]))
    found = distance_matrix(many, name)
    missing = np.array([[cell is None for cell in row] for row in found.values])
    expected = np.zeros((3, 3), dtype=bool)
    expected[place, :] = expected[:, place] = True
    assert np.array_equal(missing, expected)
    assert found.reasons == ("a signature has no scored site",)


def test_long_and_short_ones_are_as_far_apart_in_company_as_alone() -> None:
    random = np.random.default_rng(0)
    many = [signature(random.random(n).tolist()) for n in (500, 3, 120)]
    whole = distance_matrix(many, "dtw").values
    for i in range(3):
        for j in range(3):
            alone = distance_matrix([many[i], many[j]], "dtw").values[0][1]
            assert whole[i][j] == pytest.approx(alone if i != j else 0, abs=1e-9)


def test_an_unknown_distance_is_refused() -> None:
    with pytest.raises(OptionError, match="no distance 'cosine'; wanted one of dtw, l2, wass"):
        distance_matrix(waves(), "cosine")
