"""The same function on other inputs: its score over the mean and the spread of the inputs."""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from scipy import special

from onnx_affscore.errors import DegenerateScoreError
from onnx_affscore.paper.functions import FUNCTIONS, Function
from onnx_affscore.paper.outcome import Check, Figure, Outcome, Table, check
from onnx_affscore.paper.published import POPULATION
from onnx_affscore.paper.settings import Settings
from onnx_affscore.records import FloatArray
from onnx_affscore.score import affinity_score

__all__ = ["perform", "relu_on_window"]

HALF_WIDTH: Final = 2.0
MEANS: Final = tuple(float(m) for m in np.linspace(-4.0, 4.0, 20))
DEVIATIONS: Final = tuple(float(s) for s in np.geomspace(0.1, 10.0, 20))
POINTS: Final = 2000
GRID: Final = 1e-4  # midpoints of 2000 cells against the integral, worst where ReLU barely bends


def relu_on_window(mean: float, half_width: float) -> float:
    r"""Score of ReLU on the uniform distribution on (a, b) = mean -/+ half width, a < 0 < b.

    .. math:: E[f] = \frac{b^2}{2(b-a)}, \quad E[f^2] = E[x f] = \frac{b^3}{3(b-a)}
    """
    a, b = mean - half_width, mean + half_width
    first, second = b**2 / (2.0 * (b - a)), b**3 / (3.0 * (b - a))
    covariance = second - mean * first
    deviation = math.sqrt(second - first**2) * (b - a) / math.sqrt(12.0)
    return 1.0 - math.sqrt(max(0.0, 1.0 - covariance / deviation))


def perform(settings: Settings) -> Outcome:
    """Sweep the mean of a window of inputs, and the deviation of normal ones."""
    points = POINTS // 4 if settings.quick else POINTS
    levels = (np.arange(points) + 0.5) / points
    line = HALF_WIDTH * (2.0 * levels - 1.0)
    normal = np.asarray(special.ndtri(levels), dtype=np.float64)
    over_means = _sweep(MEANS, lambda m: line + m)
    over_deviations = _sweep(DEVIATIONS, lambda s: s * normal)
    checks = _window_checks(over_means["relu"], tolerance=GRID * POINTS / points)
    # Fewer quantiles end earlier in the tails.
    checks += [
        check(
            f"relu on normal(0, {DEVIATIONS[i]:g})",
            over_deviations["relu"][i],
            published=POPULATION.values["relu"],
            tolerance=POPULATION.tolerance * POINTS / points,
            note="ReLU commutes with scale: the population value",
        )
        for i in (0, -1)
    ]
    return Outcome(
        experiment="ranges",
        title="Activation functions over the range of their inputs",
        about=(
            "The paper's figure of activations: the score belongs to the function and its inputs. "
            "A window of inputs, uniform on (m - 2, m + 2), moves from left to right; and normal "
            "inputs around 0 grow from narrow to wide. Where a function is smooth, narrow inputs "
            "see a line, and the score goes to 1."
        ),
        checks=tuple(checks),
        tables=(_summary(over_means, over_deviations),),
        figures=(
            Figure(
                "Score over the mean of the inputs",
                "Inputs uniform on (m - 2, m + 2). A gap: the output is constant, and the score "
                "0/0. Ours in the empirical estimate, on quantiles instead of random samples.",
                "curves",
                {
                    "steps": list(MEANS),
                    "series": over_means,
                    "x_label": "mean of the inputs",
                    "y_label": "affinity score",
                },
            ),
            Figure(
                "Score over the deviation of the inputs",
                "Inputs normal(0, s). ReLU does not change with scale; the smooth functions go "
                "from linear to their limit.",
                "curves",
                {
                    "steps": [math.log10(s) for s in DEVIATIONS],
                    "series": over_deviations,
                    "x_label": "log10 of the standard deviation of the inputs",
                    "y_label": "affinity score",
                },
            ),
        ),
        notes=("The random samples of the published sweep for ReLU are checked in `activations`.",),
    )


def _sweep(
    steps: tuple[float, ...], inputs: Callable[[float], FloatArray]
) -> dict[str, list[float | None]]:
    return {
        name: [_score(inputs(step), function) for step in steps]
        for name, function in FUNCTIONS.items()
    }


def _score(x: FloatArray, function: Function) -> float | None:
    try:
        return affinity_score(x, function(x))
    except DegenerateScoreError:
        return None


def _window_checks(scores: list[float | None], *, tolerance: float) -> list[Check]:
    return [
        check(
            f"relu on uniform({mean - HALF_WIDTH:.2f}, {mean + HALF_WIDTH:.2f})",
            score,
            published=relu_on_window(mean, HALF_WIDTH),
            tolerance=tolerance,
            note="closed form",
        )
        for mean, score in zip(MEANS, scores, strict=True)
        if abs(mean) < HALF_WIDTH
    ]


def _summary(
    over_means: dict[str, list[float | None]], over_deviations: dict[str, list[float | None]]
) -> Table:
    rows = []
    for name in FUNCTIONS:
        window = [v for v in over_means[name] if v is not None]
        lowest = MEANS[over_means[name].index(min(window))]
        spread = [v for v in over_deviations[name] if v is not None]
        rows.append((name, min(window), lowest, max(window), spread[0], spread[-1]))
    columns = ("activation", "lowest", "at mean", "highest", "sd 0.1", "sd 10")
    return Table("How much the inputs decide", columns, rows)
