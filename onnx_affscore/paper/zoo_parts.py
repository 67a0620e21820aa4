"""Each of the paper's stories on small networks: a table, perhaps a figure, and what is claimed."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Final, final

import numpy as np

from onnx_affscore.paper.outcome import Cell, Claim, Figure, Table
from onnx_affscore.paper.published import METRIC_CORRELATIONS, SHIFT
from onnx_affscore.paper.random_weights import write_untrained
from onnx_affscore.paper.trees import between, tree
from onnx_affscore.paper.zoo_networks import BATCH, Network, score
from onnx_affscore.records import Array, FloatArray, Signature
from onnx_affscore.statistics.dtw import dtw_distances

__all__ = ["Part", "checkpoints", "correlations", "eras", "residual", "seeds", "shift", "untrained"]

YEARS: Final = {
    "alexnet": 2012, "vgg": 2014, "resnet": 2015, "densenet": 2016, "mobilenetv3": 2019,
    "efficientnet": 2019, "vit": 2020, "convnext": 2022,
}  # fmt: skip
PLAIN: Final = ("torch_alexnet", "torch_vgg")
SKIPS: Final = ("torch_resnet", "torch_densenet")
FEWEST: Final = 4  # sites: below it a correlation over them means nothing


@final
@dataclass(frozen=True, slots=True)
class Part:
    """What one story adds to the outcome."""

    tables: tuple[Table, ...]
    claims: tuple[Claim, ...] = ()
    figures: tuple[Figure, ...] = ()


def eras(networks: Mapping[str, Network], found: Mapping[str, Signature]) -> Part:
    """Statistics by the year of the architecture, distances and their tree."""
    values = {name: s.values for name, s in found.items()}
    rows = []
    for name in sorted(found, key=lambda n: (_year(n) or 9999, n)):
        row, network = values[name], networks[name]
        numbers = [float(f(row)) for f in (np.mean, np.std, np.min, np.median, np.max)]
        rows.append((name, _year(name), network.accuracy, len(row), *numbers))
    columns = ("network", "year", "accuracy", "sites", "mean", "std", "min", "median", "max")
    table = Table("Eras: the zoo by the year of its architectures", columns, rows)
    heat = Figure(
        "Distances between signatures",
        "Dynamic time warping, as in the paper.",
        "heat_map",
        {"matrix": between(values).tolist(), "labels": list(values), "unit": "DTW distance"},
    )
    figures = (tree(values, title="The zoo, by DTW"), heat) if len(values) > 2 else ()
    claims = []
    if "torch_vit" in values and len(values) > 1:
        others = [float(row.mean()) for name, row in values.items() if name != "torch_vit"]
        ours = float(values["torch_vit"].mean())
        claims.append(
            Claim(
                "Transformers are the most non-linear networks",
                ours < min(others),
                f"mean score of the ViT {ours:.3f}, lowest of the others {min(others):.3f}; the "
                "published code averages a transformer's channels away and keeps its tokens",
            )
        )
    return Part((table,), tuple(claims), figures)


def residual(found: Mapping[str, Signature]) -> Part:
    """Networks without skips against networks with them."""
    means = {name: float(s.values.mean()) for name, s in found.items()}
    plain, skips = ([means[n] for n in names if n in means] for names in (PLAIN, SKIPS))
    if not (plain and skips):
        return Part(())
    kinds = {"plain": PLAIN, "skips": SKIPS}
    rows = [(n, kind, means[n]) for kind, names in kinds.items() for n in names if n in means]
    claim = Claim(
        "Skip connections make activations more linear in use",
        min(skips) > max(plain),
        f"mean scores {min(plain):.3f} to {max(plain):.3f} without skips, {min(skips):.3f} to "
        f"{max(skips):.3f} with; published on ImageNet, medians: .52 to .53 and .69 to .76",
    )
    return Part((Table("Plain and residual", ("network", "kind", "mean"), rows),), (claim,))


def untrained(
    networks: Mapping[str, Network],
    found: Mapping[str, Signature],
    inputs: Mapping[str, Array],
    *,
    draws: int,
) -> Part:
    """Trained networks against the same with random weights, several draws each."""
    rows, apart, within = [], [], []
    for name, trained in found.items():
        network = networks[name]
        randoms = [
            _untrained(network, inputs[network.input][:BATCH], seed) for seed in range(draws)
        ]
        distances = dtw_distances(trained.values, randoms)
        means = [float(row.mean()) for row in randoms]
        between_draws = [float(dtw_distances(a, [b])[0]) for a, b in combinations(randoms, 2)]
        scatter = float(np.mean(between_draws)) if between_draws else None
        trained_mean = float(trained.values.mean())
        rows.append((name, trained_mean, float(np.mean(means)), float(distances.mean()), scatter))
        apart.append(float(distances.mean()))
        within += between_draws
    columns = ("network", "trained", "untrained", "distance", "between untrained")
    table = Table(
        f"Trained against random weights ({draws} draws)",
        columns,
        rows,
        "Mean scores, and mean DTW distances. Weights normal with He's variance, biases 0; "
        "BatchNorm as before training (mean 0, variance 1), or gone where the exporter folded it.",
    )
    if not within:
        return Part((table,))
    claim = Claim(
        "Training changes the signature more than another draw of random weights does",
        float(np.mean(apart)) > float(np.mean(within)),
        f"mean distance {np.mean(apart):.3f} trained to untrained, {np.mean(within):.3f} between "
        "untrained",
    )
    return Part((table,), (claim,))


def _untrained(network: Network, rows: Array, seed: int) -> FloatArray:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / network.file.name
        write_untrained(network.file, target, seed=seed)
        return score(target, rows).values


def _noise(rows: Array, random: np.random.Generator) -> Array:
    """Independent normal pixels with the mean and deviation of all."""
    made: Array = random.normal(rows.mean(), rows.std(), rows.shape).astype(rows.dtype)
    return made


def _shuffled(rows: Array, random: np.random.Generator) -> Array:
    """The pixels of each image, in another order for each."""
    made: Array = random.permuted(rows.reshape(len(rows), -1), axis=1).reshape(rows.shape)
    return made


SHIFTS: Final[Mapping[str, Callable[[Array, np.random.Generator], Array]]] = MappingProxyType(
    {
        "other digits": lambda rows, random: rows[BATCH:],
        "inverted digits": lambda rows, random: 1 - rows[:BATCH],
        "shuffled pixels": lambda rows, random: _shuffled(rows[:BATCH], random),
        "noise": lambda rows, random: _noise(rows[:BATCH], random),
    }
)
"""What is done to 1024 rows to make other data of the first 512."""


def shift(
    networks: Mapping[str, Network], found: Mapping[str, Signature], inputs: Mapping[str, Array]
) -> Part:
    """Distance of a signature on other data from that on the digits."""
    distances: dict[str, list[float]] = {name: [] for name in SHIFTS}
    rows: list[Sequence[Cell]] = []
    for name, base in found.items():
        network = networks[name]
        for kind, change in SHIFTS.items():
            changed = change(inputs[network.input][: 2 * BATCH], np.random.default_rng(0))
            moved = score(network.file, changed).values
            distances[kind].append(float(dtw_distances(base.values, [moved])[0]))
        rows.append((name, *(distances[kind][-1] for kind in SHIFTS)))
    summary = [
        (f"zoo, {kind}", float(np.mean(row)), float(np.std(row))) for kind, row in distances.items()
    ]
    summary += [(f"published, {kind}", mean, std) for kind, (mean, std) in SHIFT.items()]
    mean = {kind: float(np.mean(row)) for kind, row in distances.items()}
    order = sorted(mean, key=lambda kind: mean[kind])
    claims = (
        Claim(
            "Random input moves a signature farther than other images do",
            mean["noise"] > mean["other digits"],
            f"noise {mean['noise']:.3f}, other digits {mean['other digits']:.3f}; published .77 "
            "for random, .28 for CIFAR10",
        ),
        Claim(
            "The nearer the data, the nearer the signature",
            order[0] == "other digits",
            ", ".join(f"{kind} {mean[kind]:.3f}" for kind in order),
        ),
    )
    return Part(
        (
            Table("Data shift: DTW distance from the digits", ("network", *SHIFTS), rows),
            Table("Data shift: mean over networks", ("data", "mean", "std"), summary),
        ),
        claims,
    )


def seeds(many: Mapping[str, Network], found: Mapping[str, Signature], rows: Array) -> Part:
    """Trainings that differ in their seed, against other architectures."""
    values = {name: score(network.file, rows).values for name, network in many.items()}
    own = [float(dtw_distances(values[a], [values[b]])[0]) for a, b in combinations(values, 2)]
    others = [
        float(d) for s in found.values() for d in dtw_distances(s.values, list(values.values()))
    ]
    means = [float(row.mean()) for row in values.values()]
    table_rows: list[Sequence[Cell]] = [
        (name, many[name].accuracy, float(row.mean()), *row.tolist())
        for name, row in values.items()
    ]
    sites = len(next(iter(values.values())))
    table = Table(
        "Seeds: one perceptron, five trainings",
        ("network", "accuracy", "mean", *(f"site {i}" for i in range(sites))),
        table_rows,
        f"Mean score {np.mean(means):.3f} ± {np.std(means):.3f} over seeds.",
    )
    claim = Claim(
        "A signature belongs to the architecture more than to the seed",
        max(own) < min(others),
        f"distances {np.mean(own):.3f} on average and at most {max(own):.3f} between seeds, at "
        f"least {min(others):.3f} to the networks of the zoo",
    )
    return Part((table,), (claim,))


def checkpoints(many: Mapping[str, Network], rows: Array) -> Part:
    """One training over its passes."""
    epochs = [int(name.rpartition("epoch")[2]) for name in many]
    values = [score(network.file, rows).values for network in many.values()]
    names = [f"site {i}" for i in range(len(values[0]))]
    columns = ("passes", "accuracy", "mean", *names)
    table_rows: list[Sequence[Cell]] = [
        (epoch, network.accuracy, float(row.mean()), *row.tolist())
        for epoch, network, row in zip(epochs, many.values(), values, strict=True)
    ]
    first, last = float(values[0].mean()), float(values[-1].mean())
    claim = Claim(
        "Along its training a network becomes more non-linear",
        last < first,
        f"mean score {first:.3f} after {epochs[0]} pass, {last:.3f} after {epochs[-1]}",
    )
    figure = Figure(
        "Scores along a training",
        "Each activation of the perceptron, over the logarithm of the passes.",
        "curves",
        {
            "steps": [float(np.log10(epoch)) for epoch in epochs],
            "series": {name: [float(row[i]) for row in values] for i, name in enumerate(names)},
            "x_label": "log10 of the passes over the training data",
            "y_label": "affinity score",
        },
    )
    return Part((Table("Checkpoints of one training", columns, table_rows),), (claim,), (figure,))


def correlations(found: Mapping[str, Signature]) -> Part:
    """Correlation of the score with other metrics over the sites of a network."""
    rows = []
    for metric, (mean, std) in METRIC_CORRELATIONS.items():
        ours = [r for s in found.values() for r in _correlation(s, metric)]
        if ours:
            rows.append((metric, float(np.mean(ours)), float(np.std(ours)), mean, std, len(ours)))
    if not rows:
        return Part(())
    table = Table(
        "Other metrics: correlation with the score over the sites of a network",
        ("metric", "ours", "std", "published", "std", "networks"),
        rows,
        f"Networks of at least {FEWEST} sites; published over 33 ImageNet networks.",
    )
    return Part((table,))


def _correlation(signature: Signature, metric: str) -> Iterator[float]:
    pairs = [
        (site.affinity, value)
        for site in signature.sites
        if site.affinity is not None and isinstance(value := site.scores.get(metric), float)
    ]
    if len(pairs) < FEWEST:
        return
    x, y = np.array(pairs).T
    if np.ptp(x) > 0 and np.ptp(y) > 0:
        yield float(np.corrcoef(x, y)[0, 1])


def _year(name: str) -> int | None:
    return YEARS.get(name.partition("_")[2])
