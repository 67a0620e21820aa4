"""The seams: what a data source must look like (a metric: see the table in ``score/table.py``)."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from onnx_affscore.records import Batch

__all__ = ["DataSource"]


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
