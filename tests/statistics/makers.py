"""Signatures made up from their values, for tests of what is done with signatures."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from onnx_affscore.comparison import Member
from onnx_affscore.records import ModelInfo, Role, ScoredSite, Signature, Status
from onnx_affscore.statistics.summaries import summary

# Read off the paper's plots, to about 0.002.
ALEXNET = (0.489, 0.440, 0.495, 0.529, 0.557, 0.594, 0.548)
VGG16 = (
    0.566, 0.592, 0.542, 0.511, 0.526, 0.504, 0.490, 0.520, 0.523, 0.514, 0.554, 0.552, 0.524,
    0.600, 0.608,
)  # fmt: skip
VGG19 = (
    0.568, 0.520, 0.551, 0.499, 0.521, 0.508, 0.503, 0.489, 0.510, 0.512, 0.514, 0.513, 0.548,
    0.548, 0.554, 0.543, 0.601, 0.614,
)  # fmt: skip


def site(index: int, affinity: float | None, **changed: Any) -> ScoredSite:
    """Make one site, scored unless ``affinity`` is None."""
    scores: dict[str, float | str | None] = {
        "affinity": affinity,
        "covariance": "empirical",
        "affinity_std": changed.pop("std", None),
    }
    fields: dict[str, Any] = {
        "index": index,
        "name": f"act.{index}",
        "activation": "Relu",
        "params": {},
        "role": str(Role.HIDDEN),
        "scope": "",
        "nodes": (),
        "input": "",
        "output": "",
        "feature_axis": 1,
        "features": 8,
        "samples": 1000,
        "status": str(Status.OK if affinity is not None else Status.DEGENERATE),
        "reason": None,
        "scores": scores,
        "reasons": {},
        "rank": {},
        "transport": {},
        "warnings": (),
    }
    return ScoredSite(**fields | changed)


def signature(values: Sequence[float | None], **changed: Any) -> Signature:
    """Make a signature; ``sites`` are changes of each site, other keys go to data and run."""
    sites = changed.pop("sites", [{}] * len(values))
    data = {"source": "x.npy", "synthetic": False, "samples": 1000, "sha256": "ab" * 32}
    run = {"pool": "mean", "covariance": "auto"}
    path = changed.pop("path", "model.onnx")
    version = changed.pop("method_version", "1")
    model = ModelInfo(path, changed.pop("model_sha256", "cd" * 32), "", {}, 8, 1, 1)
    return Signature(
        schema_version="1.0",
        method_version=version,
        model=model,
        data=data | {key: value for key, value in changed.items() if key in data},
        run=run | {key: value for key, value in changed.items() if key in run},
        sites=tuple(site(i, v, **s) for i, (v, s) in enumerate(zip(values, sites, strict=True))),
        skipped=(),
    )


def member(label: str, values: Sequence[float], **changed: Any) -> Member:
    """Make a member of a comparison."""
    influences = changed.pop("influences", None)
    made = signature(values, **changed)
    return Member(label, None, made, summary(made), influences)


def waves(*, seed: int = 0, count: int = 6) -> list[Signature]:
    """Make signatures of two kinds, of lengths that differ: low ones, then high ones."""
    random = np.random.default_rng(seed)
    return [
        signature((level + 0.03 * random.random(6 + i % 3)).tolist(), path=f"{i}.onnx")
        for i, level in enumerate(np.repeat([0.3, 0.8], count // 2))
    ]
