"""The measurement as the benchmark of inference sees it: set up once, then batch by batch.

All that this benchmark knows of the inside of the package is in this file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import final

import onnx

from onnx_affscore.collect import FeatureStore
from onnx_affscore.data.fingerprint import Fingerprint
from onnx_affscore.data.source import Data
from onnx_affscore.gather import paired
from onnx_affscore.graph.lean import plan_lean
from onnx_affscore.measurement import Measurement
from onnx_affscore.options import Options
from onnx_affscore.records import Array, Batch, PairedSample, TensorLayout

__all__ = ["Ours", "tapped_layouts"]


@final
class Ours:
    """What a measurement does with each batch; scoring and the check of outputs are left out.

    ``hashed`` adds the hash of the data that goes into the record, which costs its time a byte
    whatever the model.

    Without ``sparsity`` it is the lean run that gives the features; with it everything is measured
    on every sample.

    ``batch_size`` 0 chooses it as a measurement does.
    """

    def __init__(
        self,
        file: Path,
        data: Data,
        batch_size: int,
        *,
        device: str,
        sparsity: bool = False,
        hashed: bool = False,
    ) -> None:
        self._hashed = hashed
        measurement = Measurement(file, Options(device=device, batch_size=batch_size or None))
        located = measurement.located()
        self._source, probed = measurement.probe(measurement.source(data), located)
        resolved = measurement.resolved(located, self._source, probed)
        self.batch_size = measurement.batch_size(probed)
        self._layouts = resolved.layouts
        lean = plan_lean(measurement.prepared, resolved.sites, self._layouts, pool="mean")
        tapped = measurement.instrumented(located, resolved, None if sparsity else lean)
        self._session = measurement.tapped_session(tapped)
        self._tapped = replace(tapped, proto=onnx.ModelProto())  # the session has its own copy
        self._sites = [site for site in resolved.sites if site.unscored is None]
        self._hints = measurement.hints
        self.begin()

    def begin(self) -> None:
        """Start a pass over the data with an empty store of features."""
        self._store = FeatureStore(self._tapped, self._layouts)
        self._fingerprint = Fingerprint(self._hints)

    def run_once(self, batch: Array) -> None:
        """Run one batch and keep its features."""
        feed = Batch({self._hints[0].spec.name: batch}, len(batch))
        fetched = self._session.run(self._tapped.fetches, feed.feeds)
        self._store.add(fetched, samples=feed.size, kept=feed.size)
        if self._hashed:
            self._fingerprint.update(feed)

    def pairs(self) -> Iterator[PairedSample]:
        """Run all the data and yield what is scored: the features around each activation."""
        self.begin()
        for batch in self._source.batches(self.batch_size):
            self.run_once(batch.feeds[self._hints[0].spec.name])
        self._store.finish()
        yield from (paired(site, (self._store,), self._layouts) for site in self._sites)


def tapped_layouts(file: Path, data: Array) -> Mapping[str, TensorLayout]:
    """Return the tensors before and behind the activations that are scored, and their axes."""
    measurement = Measurement(file, Options(device="cpu"))
    located = measurement.located()
    source, probed = measurement.probe(measurement.source(data), located)
    return measurement.resolved(located, source, probed).layouts
