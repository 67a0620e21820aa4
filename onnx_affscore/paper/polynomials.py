"""x**k on a line: the score falls with the degree, and has a closed form where k is odd."""

import math
from typing import Final

import numpy as np

from onnx_affscore.paper.outcome import Check, Figure, Outcome, Table, check
from onnx_affscore.paper.published import POLYNOMIALS, POLYNOMIALS_LEDOIT_WOLF
from onnx_affscore.paper.settings import Settings
from onnx_affscore.records import FloatArray
from onnx_affscore.score import affinity_score

__all__ = ["closed_form", "odd_power", "perform"]

SAMPLES: Final = 1000
ROUNDING: Final = 1e-9  # of the closed form on the sample: sums of a thousand terms


def closed_form(x: FloatArray, y: FloatArray) -> float:
    r"""Score of one feature under the empirical covariances.

    .. math:: \rho = 1 - \sqrt{1 - \operatorname{corr}(x_{(i)}, y_{(i)})}

    In one dimension the map is a positive scaling and the optimal plan pairs the sorted values.
    """
    correlation = float(np.corrcoef(np.sort(x), np.sort(y))[0, 1])
    return 1.0 - math.sqrt(max(0.0, 1.0 - correlation))


def odd_power(k: int) -> float:
    r"""Score of :math:`x^k`, k odd, x uniform on [-1, 1]: the correlation is √(3(2k+1))/(k+2)."""
    return 1.0 - math.sqrt(max(0.0, 1.0 - math.sqrt(3.0 * (2 * k + 1)) / (k + 2)))


def perform(settings: Settings) -> Outcome:
    """Score every degree in the published estimates and against closed forms."""
    del settings  # a fraction of a second as it is
    x = np.linspace(-1.0, 1.0, SAMPLES)
    degrees = list(POLYNOMIALS.values)
    checks: list[Check] = []
    for name, values in (
        ("reference", POLYNOMIALS),
        ("ledoit-wolf", POLYNOMIALS_LEDOIT_WOLF),
    ):
        for k, published in values.values.items():
            ours = affinity_score(x, x**k, covariance=name)
            checks.append(
                check(f"x^{k}, {name}", ours, published=published, tolerance=values.tolerance)
            )
    rows = []
    for k in degrees:
        empirical, exact = affinity_score(x, x**k), closed_form(x, x**k)
        note = "closed form on the same sample"
        checks.append(
            check(f"x^{k}, empirical", empirical, published=exact, tolerance=ROUNDING, note=note)
        )
        reference = affinity_score(x, x**k, covariance="reference")
        rows.append((k, reference, empirical, odd_power(k) if k % 2 else None))
    drawn = list(range(1, degrees[-1] + 1))
    return Outcome(
        experiment="polynomials",
        title="Polynomials: x^k on [-1, 1]",
        about=(
            "The paper's first example: a thousand points between -1 and 1 and their powers. The "
            "score is 1 for the identity and falls with the degree. Even powers fold the line, and "
            "lie on the same curve: only the two distributions are compared."
        ),
        checks=tuple(checks),
        tables=(
            Table(
                "Score by degree",
                ("k", "reference", "empirical", "closed form, uniform"),
                rows,
                "The closed form is for infinitely many points and odd k.",
            ),
        ),
        figures=(
            Figure(
                "Score of x^k over the degree",
                "Empirical score of each degree up to 41. Hollow marks: published values, in the "
                "published estimate, which has ddof 1 and lies up to 4e-4 higher.",
                "curves",
                {
                    "steps": drawn,
                    "series": {"x^k": [affinity_score(x, x**k) for k in drawn]},
                    "references": {"x^k": dict(POLYNOMIALS.values)},
                    "x_label": "degree k",
                    "y_label": "affinity score",
                },
            ),
        ),
    )
