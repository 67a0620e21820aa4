"""Neural redshift: how non-linear random networks are by the size of their weights."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Final

import numpy as np

from onnx_affscore.paper.functions import FUNCTIONS
from onnx_affscore.paper.outcome import Cell, Check, Figure, Outcome, Table, check
from onnx_affscore.paper.published import REDSHIFT, REDSHIFT_FLOAT32
from onnx_affscore.paper.settings import Settings
from onnx_affscore.paper.single_precision import ROUTES, single_precision_score
from onnx_affscore.records import FloatArray
from onnx_affscore.score import affinity_score

__all__ = ["hidden_layers", "perform"]

WIDTHS: Final = (2, 40, 40, 40)  # a last layer to one output has no activation
SHIFT: Final = -0.05
GRID: Final = 32
SCALES: Final = (1.0, 6.0)
NAMES: Final = ("relu", "tanh")
DRAWS: Final = 5  # as many as are published
LARGE: Final = 6.0

Layers = tuple[float, ...]


def hidden_layers(seed: int, *, scale: float, name: str) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield inputs and outputs of each hidden activation of a random network on the grid.

    Weights are uniform on s(t - a), s(t + a) with a = √3·√(2 / (fan in + fan out)), t = -0.05;
    biases uniform on (-1, 1). One seed gives both activations the same weights, and every scale
    the same ones but for s.
    """
    random = np.random.default_rng(seed)
    axis = np.linspace(-1.0, 1.0, GRID)
    x = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    for fan_in, fan_out in pairwise(WIDTHS):
        bound = math.sqrt(3.0) * math.sqrt(2.0 / (fan_in + fan_out))
        low, high = scale * (SHIFT - bound), scale * (SHIFT + bound)
        weights = random.uniform(low, high, (fan_in, fan_out))
        before = x @ weights + random.uniform(-1.0, 1.0, fan_out)
        x = FUNCTIONS[name](before)
        yield before, x


def perform(settings: Settings) -> Outcome:
    """Score draws of the network in float64, and one of the cases in float32 by two routes."""
    draws = range(1 if settings.quick else DRAWS)
    scores = {
        (scale, name): [
            tuple(
                affinity_score(x, y, covariance="reference")
                for x, y in hidden_layers(seed, scale=scale, name=name)
            )
            for seed in draws
        ]
        for scale in SCALES
        for name in NAMES
    }
    single = {
        route: [
            tuple(
                single_precision_score(x, y, route=route)
                for x, y in hidden_layers(seed, scale=LARGE, name="relu")
            )
            for seed in draws
        ]
        for route in ROUTES
    }
    printed = f"{REDSHIFT_FLOAT32.values['mean']} ± {REDSHIFT_FLOAT32.values['std']}"
    return Outcome(
        experiment="redshift",
        title="Neural redshift: random networks by the size of their weights",
        about=(
            "The paper's random perceptrons, 2-40-40-40-1 on a 32 x 32 grid, with ReLU and Tanh "
            "and the same weights, at their usual size (s = 1) and six times as large. Mean and "
            "population standard deviation are over the three hidden layers of a network."
        ),
        checks=(_float64(scores[LARGE, "relu"]),),
        tables=(
            Table(
                "In float64, mean ± standard deviation over the layers",
                ("draw", *(f"{name}, s = {scale:g}" for scale in SCALES for name in NAMES)),
                _by_draw(scores),
                "Draws are ours (NumPy's seeds 0, 1, ...); the published ones are PyTorch's.",
            ),
            Table(
                f"ReLU, s = 6: what float32 makes of it (printed in the paper: {printed})",
                ("draw", "float64", *(f"float32, {route}" for route in ROUTES)),
                [
                    (
                        seed,
                        _summary(scores[LARGE, "relu"][seed]),
                        *(_summary(single[route][seed]) for route in ROUTES),
                    )
                    for seed in draws
                ],
                "One formula, two ways to write it, both with the ridge of 1e-6. A grid of two "
                "coordinates gives a first layer of rank 2 in 40: below that there is only the "
                "ridge in float64, and rounding above the ridge in float32.",
            ),
        ),
        figures=(
            Figure(
                "Score by layer",
                "Mean over the draws; bands from the lowest to the highest draw.",
                "curves",
                _curves(scores),
            ),
        ),
        notes=(
            f"The published s = 6 rows are float32 artefacts: the draw printed as {printed} is "
            f"{REDSHIFT.values['mean']} ± .05 in float64. Larger weights make ReLU networks more "
            "non-linear, and not erratic.",
        ),
    )


def _float64(layers: list[Layers]) -> Check:
    return check(
        "relu, s = 6, mean of all layers and draws",
        float(np.mean(layers)),
        published=REDSHIFT.values["mean"],
        tolerance=REDSHIFT.tolerance,
        note=f"printed as {REDSHIFT_FLOAT32.values['mean']}: a float32 artefact",
    )


def _by_draw(scores: Mapping[tuple[float, str], Sequence[Layers]]) -> list[Sequence[Cell]]:
    draws = range(len(next(iter(scores.values()))))
    rows: list[Sequence[Cell]] = [
        (seed, *(_summary(layers[seed]) for layers in scores.values())) for seed in draws
    ]
    together = (tuple(chain.from_iterable(layers)) for layers in scores.values())
    return [*rows, ("all", *map(_summary, together))]


def _summary(layers: Layers) -> str:
    return f"{np.mean(layers):.3f} ± {np.std(layers):.3f}"


def _curves(scores: dict[tuple[float, str], list[Layers]]) -> dict[str, object]:
    named = {f"{name}, s = {scale:g}": np.array(rows) for (scale, name), rows in scores.items()}
    return {
        "steps": [1, 2, 3],
        "series": {name: rows.mean(axis=0).tolist() for name, rows in named.items()},
        "bands": {
            name: (rows.min(axis=0).tolist(), rows.max(axis=0).tolist())
            for name, rows in named.items()
        },
        "x_label": "hidden layer",
        "y_label": "affinity score",
    }
