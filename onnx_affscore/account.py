"""What a signature says of its run: data, options, machine, warnings, and the run's identity."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

from onnx_affscore.data.source import Data
from onnx_affscore.gather import Gathered
from onnx_affscore.measurement import Measurement
from onnx_affscore.protocols import DataSource
from onnx_affscore.provenance import (
    data_specs,
    digest,
    left_out,
    machine,
    measured_options,
    package_versions,
    recorded_options,
)
from onnx_affscore.records import METHOD_VERSION
from onnx_affscore.run.providers import device_index
from onnx_affscore.run.session import runtime_versions
from onnx_affscore.score.table import added_metrics
from onnx_affscore.witness import Witness

__all__ = ["Account", "identity"]

_SYNTHETIC = "the data were made up: scores on them say little about the model in use"


@final
@dataclass(frozen=True, slots=True)
class Account:
    """A measurement that has gone over its data, and what its signature says of that."""

    m: Measurement
    source: DataSource
    witness: Witness
    gathered: Gathered

    def data(self, given: Data) -> dict[str, Any]:
        """Return the ``data`` part of the signature file; ``given`` is what the user gave."""
        return {
            "source": self.source.name,
            "specs": data_specs(given),
            "synthetic": self.source.synthetic,
            "samples": self.witness.fingerprint.samples,
            "sha256": self.witness.fingerprint.hexdigest(),
            "notes": list(self.gathered.ran.notes),
            "skipped": left_out(self.source.skipped, self.m.lost),
        }

    def run(self, seconds: dict[str, float]) -> dict[str, Any]:
        """Return the ``run`` part of the signature file."""
        ran, verdict = self.gathered.ran, self.witness.verdict
        return {
            "device": ran.device,
            "providers": list(ran.providers),
            "batch_size": ran.size,
            "versions": {
                **runtime_versions(ran.device, index=device_index(self.m.options.device)),
                **package_versions(),
            },
            "machine": machine(),
            "seconds": seconds,
            "outputs_verified": verdict is not None and verdict.unchanged,
            "samples_counted": self.gathered.counted,
            "site_groups": self.gathered.groups,
            "features_on_disk": self.gathered.written,
            **self.m.engine.record,
            **recorded_options(self.m.options),
            "encoder_sha256": self.m.encoder_sha256,
            "custom_operators_sha256": [digest(file) for file in self.m.options.custom_operators],
        }

    def warnings(self) -> tuple[str, ...]:
        """Return what nobody who reads the scores should miss."""
        m, verdict = self.m, self.witness.verdict
        return (
            *m.warnings,
            *m.kept.warnings,
            *self.gathered.ran.notices,
            *self.gathered.warnings,
            *([_SYNTHETIC] if self.source.synthetic else []),
            *self.source.warnings,
            *self._skipped(),
            *(added_metrics().problems.values() if m.options.metrics is None else ()),
            *([verdict.note] if verdict is not None and verdict.note else []),
        )

    def _skipped(self) -> Iterator[str]:
        """One sentence on rows that were left out; the file lists them."""
        for rows, what in ((self.source.skipped, "read"), (self.m.lost, "run")):
            if rows:
                row = min(rows)
                first = f"row {row} (counted from 0), {rows[row]}"
                if len(rows) == 1:
                    yield f"1 row could not be {what} and was left out: {first}"
                else:
                    yield (
                        f"{len(rows)} rows could not be {what} and were left out, listed in the"
                        f" signature's data.skipped; the first: {first}"
                    )


def identity(m: Measurement, source: DataSource, data: Data) -> dict[str, Any]:
    """Return what the rows of a run hang on: that of an earlier start must be the same to go on."""
    encoder = {} if m.encoder_sha256 is None else {"SHA-256 of the encoder": m.encoder_sha256}
    return {
        "model": m.model.info.sha256,
        "data": data_specs(data) or source.name,
        "rows": source.count,
        **measured_options(m.options),
        **encoder,
        **{f"SHA-256 of {file}": digest(file) for file in m.options.custom_operators},
        "versions": {**runtime_versions(), **package_versions()},
        "method": METHOD_VERSION,
        "machine": machine(),
    }
