"""The published values agree with closed forms, with one another, and with nothing but floats."""

from itertools import pairwise

import numpy as np
import pytest

from onnx_affscore.paper import published
from onnx_affscore.paper.polynomials import odd_power
from onnx_affscore.paper.ranges import HALF_WIDTH, MEANS, relu_on_window

SAMPLING = 0.02  # of a score of a thousand random inputs, three standard errors


@pytest.mark.parametrize(
    "values", [published.POLYNOMIALS, published.POLYNOMIALS_LEDOIT_WOLF], ids=["plain", "shrunk"]
)
def test_odd_powers_are_near_their_closed_form(values: published.Values) -> None:
    for k, value in values.values.items():
        if k % 2:
            # A thousand points instead of all, and ddof 1: (1 - rho) / 2000.
            assert value == pytest.approx(odd_power(k), abs=6e-4)
            assert value != pytest.approx(odd_power(k + 2), abs=6e-4)


def test_scores_of_powers_fall_with_the_degree() -> None:
    values = list(published.POLYNOMIALS.values.values())
    assert all(a > b for a, b in pairwise(values))


def test_the_population_value_of_relu_is_its_closed_form() -> None:
    correlation = 0.5 / np.sqrt(0.5 - 1.0 / (2.0 * np.pi))
    exact = 1.0 - np.sqrt(1.0 - correlation)
    assert published.POPULATION.values["relu"] == pytest.approx(exact, abs=5e-5)


def test_the_window_of_relu_is_near_its_closed_form() -> None:
    for index, mean in enumerate(MEANS):
        value = published.RANGES_987.values[index]
        if abs(mean) < HALF_WIDTH:
            assert value == pytest.approx(relu_on_window(mean, HALF_WIDTH), abs=SAMPLING)
        else:
            assert value == 1.0


def test_every_value_is_a_score_between_0_and_1() -> None:
    scores = [
        *published.POLYNOMIALS.values.values(),
        *published.POPULATION.values.values(),
        *published.HIGH_DIMENSION.values.values(),
        *(score for row in published.SIGNATURES.values() for score in row),
        *(score for row in published.SIGNATURE_STATISTICS.values() for score in row),
    ]
    assert all(0.0 < score <= 1.0 for score in scores)
    assert all(low <= mid <= high for low, mid, high in published.SIGNATURE_STATISTICS.values())


def test_signatures_have_the_sites_of_their_networks() -> None:
    """Convolutions and dense layers but the last; the blocks of a transformer of 24."""
    sites = {"alexnet": 7, "vgg16": 15, "vgg19": 18, "vit_l_32": 24}
    assert {name: len(row) for name, row in published.SIGNATURES.items()} == sites
