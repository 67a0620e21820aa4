"""Popular activations on normal samples: the published stream, population values, golden cases."""

import math
from typing import Final

import numpy as np
from scipy import integrate, special

from onnx_affscore.paper.functions import FUNCTIONS, NON_MONOTONE, Function
from onnx_affscore.paper.outcome import Check, Figure, Outcome, Table, check
from onnx_affscore.paper.published import ACTIVATIONS_987, GOLDEN_CASES, POPULATION, RANGES_987
from onnx_affscore.paper.settings import Settings
from onnx_affscore.records import FeatureSample, FloatArray, PairedSample
from onnx_affscore.score import affinity_score, score_sample

__all__ = ["perform", "population_score"]

SEED: Final = 987
SAMPLES: Final = 1000
QUANTILES: Final = 100_000
QUADRATURE: Final = 1.5e-4  # the sample ends at 4.4 sd; 9e-5 at the most linear, hardsigmoid
FLOAT64: Final = float(np.finfo(np.float64).eps)


def population_score(function: Function) -> float:
    r"""Score of a non-decreasing f on N(0, 1), by quadrature.

    .. math:: \rho = 1 - \sqrt{1 - \operatorname{corr}(Z, f(Z))}
    """

    def mean(integrand: Function) -> float:
        def weighted(z: float) -> float:
            density = math.exp(-z * z / 2.0) / math.sqrt(2.0 * math.pi)
            return float(integrand(np.array([z]))[0]) * density

        # kinks of the piecewise functions
        value, _ = integrate.quad(weighted, -12.0, 12.0, points=[-6, -3, -1, 0, 1, 3, 6], limit=200)
        return float(value)

    m = mean(function)
    variance = mean(lambda z: (function(z) - m) ** 2)
    correlation = mean(lambda z: z * function(z)) / math.sqrt(variance)
    return 1.0 - math.sqrt(max(0.0, 1.0 - correlation))


def perform(settings: Settings) -> Outcome:
    """Run the published stream, the population values and the golden cases."""
    del settings  # seconds as it is
    checks = [*_stream(), *_population(), *_cases()]
    population = [(name, *_values(name)) for name in POPULATION.values]
    return Outcome(
        experiment="activations",
        title="Popular activation functions",
        about=(
            "One random stream scores ReLU, Tanh and Sigmoid on normal inputs, then ReLU on a "
            "window of inputs that moves from -4 to 4, as in the paper's figure of activations; "
            "every popular activation on N(0, 1); and three fixed samples with all companion "
            "metrics."
        ),
        checks=tuple(checks),
        tables=(
            Table(
                "Score on N(0, 1), one feature",
                ("activation", "quantile sample", "quadrature", "expected"),
                [(*row, POPULATION.values[row[0]]) for row in population],
                f"The sample holds {QUANTILES:,} quantiles of the normal distribution. Quadrature "
                "needs a function that never falls.",
            ),
        ),
        figures=(
            Figure(
                "Activations on N(0, 1)",
                "Ours against the expected values.",
                "agreement",
                {
                    "names": [name for name, *_ in population],
                    "ours": [sample for _, sample, _ in population],
                    "published": list(POPULATION.values.values()),
                    "tolerances": [POPULATION.tolerance] * len(population),
                },
            ),
            Figure(
                "ReLU on a moving window of inputs",
                "Inputs uniform on (m - 2, m + 2). Left of -2 the output is constant: the "
                "published code answers 1 there, where the score is 0/0; right of 2 ReLU is the "
                "identity.",
                "curves",
                {
                    "steps": [float(m) for m in np.linspace(-4.0, 4.0, 20)],
                    "series": {"relu": [found.ours for found in checks[3:23]]},
                    "references": {
                        "relu": {
                            float(m): RANGES_987.values[i]
                            for i, m in enumerate(np.linspace(-4.0, 4.0, 20))
                        }
                    },
                    "x_label": "mean of the inputs",
                    "y_label": "affinity score",
                },
            ),
        ),
        notes=(
            "The window is scored in the published estimate. In our own (empirical, ledoit-wolf) a "
            "constant output is degenerate and has no score.",
        ),
    )


def _stream() -> list[Check]:
    """The order of the draws is the protocol."""
    stream = np.random.RandomState(SEED)

    def single(x: FloatArray) -> FloatArray:
        return x.astype(np.float32).astype(np.float64)

    checks = []
    for name, published in ACTIVATIONS_987.values.items():
        x = single(stream.normal(-1, 2, (SAMPLES, 1)))
        ours = affinity_score(x, FUNCTIONS[name](x), covariance="reference")
        checks.append(
            check(
                f"{name} on normal(-1, 2)",
                ours,
                published=published,
                tolerance=ACTIVATIONS_987.tolerance,
                note=f"seed {SEED}",
            )
        )
    for index, mean in enumerate(np.linspace(-4.0, 4.0, 20)):
        x = single(stream.uniform(mean - 2, mean + 2, (SAMPLES, 1)))
        ours = affinity_score(x, FUNCTIONS["relu"](x), covariance="reference")
        constant = not FUNCTIONS["relu"](x).any()
        checks.append(
            check(
                f"relu on uniform({mean - 2:.2f}, {mean + 2:.2f})",
                ours,
                published=RANGES_987.values[index],
                tolerance=RANGES_987.tolerance,
                note="constant output: 0/0, the published code answers 1" if constant else "",
            )
        )
    return checks


def _values(name: str) -> tuple[float, float | None]:
    x = np.asarray(special.ndtri((np.arange(QUANTILES) + 0.5) / QUANTILES), dtype=np.float64)
    sample = affinity_score(x, FUNCTIONS[name](x))
    return sample, None if name in NON_MONOTONE else population_score(FUNCTIONS[name])


def _population() -> list[Check]:
    checks = []
    for name, published in POPULATION.values.items():
        sample, exact = _values(name)
        checks.append(
            check(f"{name} on N(0, 1)", sample, published=published, tolerance=POPULATION.tolerance)
        )
        if exact is not None:
            note = "against the integral"
            checks.append(
                check(
                    f"{name} on N(0, 1), quantiles",
                    sample,
                    published=exact,
                    tolerance=QUADRATURE,
                    note=note,
                )
            )
    return checks


def _cases() -> list[Check]:
    flat = np.random.RandomState(0).randn(256, 16)
    maps = np.random.RandomState(1).randn(128, 8, 6, 6)
    samples = {"G1": (flat, "relu"), "G2": (flat, "tanh"), "G4": (maps, "relu")}
    checks = []
    for case, (x, name) in samples.items():
        values = GOLDEN_CASES[case]
        pair = PairedSample(_pooled(x), _pooled(FUNCTIONS[name](x)))
        companions = score_sample(pair).scores
        for key, published in values.values.items():
            if key in companions:
                found = companions[key]
            else:
                found = score_sample(pair, covariance=key, metrics=()).scores["affinity"]
            ours = found if isinstance(found, float) else None
            checks.append(
                check(f"{case} {key}", ours, published=published, tolerance=values.tolerance)
            )
    return checks


def _pooled(x: FloatArray) -> FeatureSample:
    features = x.mean(axis=(2, 3)) if x.ndim == 4 else x
    rms = float(np.sqrt(np.mean(x**2)))
    return FeatureSample(features, FLOAT64, rms, float(np.mean(np.abs(x) <= 1e-3)))
