"""Gather what the taps return, batch by batch, into one paired sample per site."""

from collections.abc import Mapping
from typing import final

import numpy as np

from onnx_affscore.records import (
    ActivationSite,
    Array,
    FeatureSample,
    FloatArray,
    PairedSample,
    Tap,
    TensorLayout,
)

__all__ = ["FeatureStore"]

# Spacing of the numbers around 1, the relative rounding of a type (bfloat16 has 8 bits).
_PRECISION = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}


@final
class FeatureStore:
    """Rows of every tapped tensor in memory, in the order in which they came."""

    def __init__(
        self, taps: Mapping[tuple[str, str], Tap], layouts: Mapping[str, TensorLayout]
    ) -> None:
        self._taps = taps
        self._layouts = layouts
        self._rows: dict[tuple[str, str], list[FloatArray]] = {key: [] for key in taps}

    def add(self, fetched: Mapping[str, Array], *, samples: int, kept: int) -> None:
        """Take in the outputs of one run of ``samples`` samples, of which ``kept`` are real."""
        for key, tap in self._taps.items():
            rows = tap.read({name: fetched[name] for name in tap.fetches}, samples)
            if not rows.size:
                continue  # a branch that this batch did not take
            per_sample = rows.shape[0] // samples
            self._rows[key].append(rows[: kept * per_sample].astype(np.float64))

    def reached(self, site: ActivationSite) -> bool:
        """Whether any batch came through an activation (it may lie in a branch)."""
        return bool(self._rows[site.input, "features"] and self._rows[site.output, "features"])

    def paired(self, site: ActivationSite) -> PairedSample:
        """Return the rows before and after one activation."""
        return PairedSample(self._side(site.input), self._side(site.output))

    def _side(self, name: str) -> FeatureSample:
        sparsity = self._joined(name, "sparsity") if (name, "sparsity") in self._rows else None
        # A mean of means over samples of equally many elements is the mean over all elements.
        with np.errstate(invalid="ignore", over="ignore"):
            rms = float(np.sqrt(self._joined(name, "square").mean()))
        return FeatureSample(
            features=self._joined(name, "features"),
            precision=_PRECISION[self._layouts[name].dtype],
            rms=rms,
            sparsity=None if sparsity is None else float(sparsity.mean()),
        )

    def _joined(self, name: str, quantity: str) -> FloatArray:
        return np.concatenate(self._rows[name, quantity], axis=0)
