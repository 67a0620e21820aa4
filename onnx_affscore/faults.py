"""Samples on which a model fails, found by halving: the run ends there, or goes on without them."""

import re
from collections.abc import Callable
from itertools import islice
from typing import Final, TypeAlias, final

import numpy as np

from onnx_affscore.errors import AllocationError, ProviderError, RunError
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import Batch, InputHint
from onnx_affscore.run.batching import first, padded, parts, taken

__all__ = ["Faults", "first_runnable", "of_samples"]

Run: TypeAlias = Callable[[Batch], object]

_NODE: Final = re.compile(r"Name:'([^']*)'")
_TRIED: Final = 64
"""Samples among which one is looked for that runs: where so many fail the model is at fault."""


def of_samples(exc: RunError) -> bool:
    """Whether what was fed may be at fault: neither memory nor the device is."""
    return not isinstance(exc, AllocationError | ProviderError)


@final
class Faults:
    """Takes the batches that fail apart, down to the samples that do.

    ``lost`` collects those that are to be left out, by their row of the data, with the reason;
    without ``skip`` the first one is an error. ``together`` are the rows of batches that failed
    although each of their samples runs, with the reasons. ``tapped`` says which tensor a node of
    ours is about, None where the node is the model's own.
    """

    def __init__(
        self,
        lost: dict[int, str],
        *,
        skip: bool,
        hints: tuple[InputHint, ...],
        tapped: Callable[[str], str | None] = lambda node: None,
    ) -> None:
        self._lost, self._skip, self._hints, self._tapped = lost, skip, hints, tapped
        self.together: list[tuple[list[int], str]] = []

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know of batches that failed although each of their samples runs."""
        if not self.together:
            return ()
        rows, reason = self.together[0]
        return (
            f"{len(self.together)} batch(es) failed as a whole and ran in halves, and those behind"
            f" no larger; the first one was samples {_named(rows)} ({reason}); a smaller"
            " --batch-size starts with them",
        )

    def whole(self, batch: Batch, exc: RunError) -> bool:
        """Note a batch that failed and whose parts ran; whether each of its samples did."""
        rows = _rows(batch)
        if not self._lost.keys().isdisjoint(rows):
            return False
        self.together.append((rows, str(exc)))
        return True

    def known(self, batch: Batch) -> list[Batch]:
        """Return the batch without the samples that are known to fail, none where all do."""
        good = [i for i, row in enumerate(_rows(batch)) if row not in self._lost]
        if len(good) == batch.size:
            return [batch]
        return [taken(batch, np.array(good), self._hints)] if good else []

    def apart(self, batch: Batch, exc: RunError) -> list[Batch]:
        """Return the halves of a batch that failed; none of a sample that is left out.

        Raises :class:`RunError` where a sample fails and is not to be left out, or where it is
        a tap that fails.
        """
        node = _NODE.search(str(exc))
        tensor = self._tapped(node[1]) if node else None
        rows = _rows(batch)
        if tensor is not None:
            raise RunError(
                f"{exc}. The node is a tap of {tensor!r}, which has another shape in samples"
                f" {_named(rows)} than in the first one: give inputs of one shape,"
                " or leave its site out with --exclude"
            ) from exc
        if batch.size > 1:
            return list(parts(batch, -(-batch.size // 2), self._hints))
        if not self._skip:
            raise RunError(
                f"sample {rows[0]} of the data (counted from 0): {exc}; mend it, or leave such"
                " samples out with --on-error skip"
            ) from exc
        self._lost[rows[0]] = str(exc)
        return []


def first_runnable(
    source: DataSource, size: int, run: Run, *, hints: tuple[InputHint, ...], skip: bool
) -> Batch | None:
    """Return the first batch of ``size``, None where the data have fewer samples.

    With ``skip``, where it does not run, copies of the first sample that does.
    """
    batch = first(source.batches(size), size)
    if batch is None or not skip or _runs(batch, run):
        return batch
    singles = (padded(single, size, hints) for single in islice(source.batches(1), _TRIED))
    return next((filled for filled in singles if _runs(filled, run)), batch)


def _runs(batch: Batch, run: Run) -> bool:
    try:
        run(batch)
    except RunError as exc:
        return not of_samples(exc)  # memory and device are the caller's, who meets them again
    return True


def _rows(batch: Batch) -> list[int]:
    """The rows of the data that a batch holds."""
    return list(range(batch.size)) if batch.rows is None else [int(row) for row in batch.rows]


def _named(rows: list[int]) -> str:
    return f"{rows[0]} to {rows[-1]}" if len(rows) > 1 else f"{rows[0]}"
