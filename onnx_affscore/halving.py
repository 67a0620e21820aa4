"""Run batches in halves: where memory does not bear them, or to find the samples that fail."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, final

from onnx_affscore.errors import AllocationError, RunError
from onnx_affscore.faults import Faults, of_samples
from onnx_affscore.protocols import OpenModel
from onnx_affscore.records import Batch, InputHint
from onnx_affscore.run.batching import parts

__all__ = ["Halving"]

T = TypeVar("T")


@final
class Halving:
    """A session that is opened when needed, and the number of samples that it is given at once.

    ``size`` starts at what the caller chose and is halved where an allocation fails, down to one
    sample. A model of ``fixed`` batch size cannot be helped so. On a device the session is
    opened once more first: its arena keeps what the batch that failed had taken. ``faults`` takes
    batches apart that fail for another reason; without it they are errors. Where one fails as a
    whole and its parts run, those behind are no larger than these.
    """

    def __init__(
        self,
        start: Callable[[], OpenModel],
        size: int,
        *,
        hints: Sequence[InputHint],
        fixed: bool = False,
        faults: Faults | None = None,
    ) -> None:
        self._start, self._hints, self._fixed, self._faults = start, hints, fixed, faults
        self._session: OpenModel | None = None
        self._started_again = False
        self._first_size = self.size = size

    @property
    def session(self) -> OpenModel:
        """The open session."""
        if self._session is None:
            self._session = self._start()
        return self._session

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know of how the batches ran."""
        apart = () if self._faults is None else self._faults.notices
        if apart or self.size == self._first_size:
            return apart
        return (
            f"memory ran out with {self._first_size} samples together:"
            f" went on with {self.size}; --batch-size {self.size} starts with them",
        )

    def run(self, batch: Batch, attempt: Callable[[Batch], T]) -> Iterator[tuple[Batch, T]]:
        """Yield the parts of a batch in order, each with what ``attempt`` made of it.

        Raises :class:`AllocationError` where not even one sample fits.
        """
        waiting = deque([batch] if self._faults is None else self._faults.known(batch))
        failed: tuple[Batch, RunError] | None = None
        largest = 0
        while waiting:
            part = waiting.popleft()
            if part.size > self.size and not self._fixed:
                waiting.extendleft(reversed(list(parts(part, self.size, self._hints))))
                continue
            try:
                made = attempt(part)
            except AllocationError as exc:
                self._give_way(part.size, exc)
                waiting.appendleft(part)
            except RunError as exc:
                if self._faults is None or self._session is None or not of_samples(exc):
                    raise  # of the model, which could not be opened, or of the device
                failed = failed or (part, exc)
                waiting.extendleft(reversed(self._faults.apart(part, exc)))
            else:
                largest = max(largest, part.size)
                yield part, made
        if self._faults is not None and failed is not None and self._faults.whole(*failed):
            self.size = self.size if self._fixed else min(self.size, largest)

    def _give_way(self, size: int, exc: AllocationError) -> None:
        """Halve the size for the batch that failed, or say why that does not help."""
        if self._fixed or size == 1:
            together = f"the model's fixed batch of {self.size}" if self._fixed else "one sample"
            raise AllocationError(
                f"{exc}; it was {together}, which cannot be halved:"
                " give more memory, smaller inputs or fewer --threads"
            ) from exc
        self.size = min(self.size, size // 2)  # batches may run, and fail, side by side
        if self._session is not None and self._session.device != "cpu" and not self._started_again:
            self._started_again = True
            self._session = None  # freed before the next one takes its memory
