"""The seams: what a data source and a metric must look like to be added by one table row."""

from collections.abc import Iterator, Mapping
from typing import Protocol, runtime_checkable

from onnx_affscore.records import Batch, PairedSample, Reading

__all__ = ["DataSource", "Metric"]


@runtime_checkable
class DataSource(Protocol):
    """Where the rows that a model is fed come from.

    ``name`` goes into the record; ``synthetic`` says that the rows were made up; ``notes`` are
    sentences for the user (what was made, cast or ignored).
    """

    @property
    def name(self) -> str: ...

    @property
    def synthetic(self) -> bool: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    @property
    def count(self) -> int | None:
        """Number of samples, None where only the end of the stream tells."""
        ...

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield feeds of ``size`` samples, the last one possibly smaller; repeatable."""
        ...


class Metric(Protocol):
    """A measure of one activation from its paired rows: names of scores to readings.

    Never raises for bad numbers: trouble is a :class:`Reading` with a status and a reason.
    """

    def __call__(self, sample: PairedSample, /) -> Mapping[str, Reading]: ...
