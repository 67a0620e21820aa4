"""Published signatures of ImageNet networks, and ours where the user has networks and images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from onnx_affscore.api import signature
from onnx_affscore.errors import DataError
from onnx_affscore.paper.images import BATCH, batches
from onnx_affscore.paper.outcome import Cell, Check, Figure, Outcome, Table, check
from onnx_affscore.paper.published import DTW, READ_OFF, SIGNATURE_STATISTICS, SIGNATURES
from onnx_affscore.paper.settings import Settings
from onnx_affscore.paper.trees import tree
from onnx_affscore.records import FloatArray
from onnx_affscore.statistics.dtw import dtw_distances

__all__ = ["perform"]

COVERAGE: Final = 2.0  # standard errors: 95 %
COVARIANCES: Final = ("reference", "reference-lw")
STATISTICS: Final = ("min", "median", "max")


def perform(settings: Settings) -> Outcome:
    """Hold the published signatures against what is published of them; score the user's."""
    values = {name: np.array(scores) for name, scores in SIGNATURES.items()}
    checks = [*_statistics(values), *_distances(values)]
    tables = [_overview(values), _published_only()]
    notes = [
        "Published signatures are read off plots to ±.002, for torchvision's weights and batches "
        "of 512 images."
    ]
    missing = _missing(settings)
    if not missing:
        for name, file in settings.networks.items():
            found, table = _measured(name, file, settings)
            checks += found
            tables.append(table)
        notes.append(
            "Ours in the published estimate and pooling, in float64. The published values are "
            "float32: layers whose covariance is singular can be off by up to .066 there, which "
            "is shown here as a failed check and is no fault of the network."
        )
    return Outcome(
        experiment="signatures",
        title="Signatures of networks for ImageNet",
        about=(
            "The paper's main figure: one score per activation, from AlexNet to transformers; "
            "their statistics; and how far they lie apart by dynamic time warping."
        ),
        checks=tuple(checks),
        tables=tuple(tables),
        figures=(_depth(values), tree(values, title="Published signatures, by DTW")),
        notes=tuple(notes),
        missing=missing,
    )


def _missing(settings: Settings) -> tuple[str, ...]:
    wanted = []
    if not settings.networks:
        known = ", ".join(SIGNATURES)
        wanted.append(f"--model NAME=FILE.onnx, a network with torchvision's weights ({known})")
    if settings.imagenet is None:
        wanted.append("--imagenet DIR, a folder of validation images, or prepared .npy or .npz")
    return (f"Our signatures of these networks need {'; '.join(wanted)}",) if wanted else ()


def _statistics(values: dict[str, FloatArray]) -> list[Check]:
    return [
        check(
            f"{name}, {statistic}",
            float(getattr(np, statistic)(values[name])),
            published=published,
            tolerance=READ_OFF,
            note="from the published signature",
        )
        for name, row in SIGNATURE_STATISTICS.items()
        if name in values
        for statistic, published in zip(STATISTICS, row, strict=True)
    ]


def _distances(values: dict[str, FloatArray]) -> list[Check]:
    return [
        check(
            f"DTW {a} - {b}",
            float(dtw_distances(values[a], [values[b]])[0]),
            published=published,
            tolerance=tolerance,
            note="between published signatures",
        )
        for (a, b), (published, tolerance) in DTW.items()
    ]


def _overview(values: dict[str, FloatArray]) -> Table:
    rows = []
    for name, row in values.items():
        mean, peak = float(row.mean()), float(row.max())
        middle = float(np.median(row))
        rows.append(
            (name, len(row), mean, float(row.std()), float(row.min()), middle, peak, peak / mean)
        )
    columns = ("network", "sites", "mean", "std", *STATISTICS, "max / mean")
    return Table("Statistics of the published signatures", columns, rows)


def _published_only() -> Table:
    rows = [(name, *row) for name, row in SIGNATURE_STATISTICS.items()]
    return Table(
        "Published statistics, by year of the network",
        ("network", *STATISTICS),
        rows,
        "Plain networks lie near .5; skips raise the scores; transformers fall far below.",
    )


def _measured(name: str, file: Path, settings: Settings) -> tuple[list[Check], Table]:
    """Score batches of 512, and hold their mean against the published value of each site."""
    scores = {covariance: _over_batches(file, covariance, settings) for covariance in COVARIANCES}
    ours = scores[COVARIANCES[0]]
    count, published = len(ours), SIGNATURES.get(name, ())
    mean, std = ours.mean(axis=0), ours.std(axis=0)
    shrunk = scores[COVARIANCES[1]].mean(axis=0)
    checks: list[Check] = []
    rows: list[Sequence[Cell]] = []
    for site in range(ours.shape[1]):
        known = published[site] if len(published) == len(mean) else None
        rows.append((site, float(mean[site]), float(std[site]), float(shrunk[site]), known))
        if known is not None and count > 1:
            error = COVERAGE * float(std[site]) / count**0.5
            note = "read off ±.002, and two standard errors of our mean"
            checks.append(
                check(
                    f"{name}, site {site}",
                    float(mean[site]),
                    published=known,
                    tolerance=READ_OFF + error,
                    note=note,
                )
            )
    remarks = [f"{count} batch(es) of at most {BATCH} images."]
    if not published:
        remarks.append("No signature of this name is published.")
    elif len(published) != len(mean):
        remarks.append(f"Not comparable: {len(published)} sites are published.")
    elif count < 2:
        remarks.append("One batch has no standard error, and is not checked.")
    columns = ("site", "ours", "std over batches", "ours, Ledoit-Wolf", "published")
    return checks, Table(f"{name}: ours and published", columns, rows, " ".join(remarks))


def _over_batches(file: Path, covariance: str, settings: Settings) -> FloatArray:
    """Scores, (batches, sites)."""
    rows: list[FloatArray] = []
    for images in batches(Path(settings.imagenet or ""), most=settings.batches):
        found = signature(
            file,
            images,
            samples=len(images),
            pool="reference",
            covariance=covariance,
            metrics=(),
            verify=not rows,
        )
        rows.append(found.values)
    if len({len(row) for row in rows}) != 1:
        raise DataError(f"{file}: the batches score different sites; give more images")
    return np.stack(rows)


def _depth(values: dict[str, FloatArray]) -> Figure:
    longest = max(map(len, values.values()))
    return Figure(
        "Published signatures",
        "Affinity score of each activation, in execution order (batches of 512 ImageNet images).",
        "curves",
        {
            "steps": list(range(longest)),
            "series": {
                name: [*map(float, row), *[None] * (longest - len(row))]
                for name, row in values.items()
            },
            "x_label": "activation, in execution order",
            "y_label": "affinity score",
        },
    )
