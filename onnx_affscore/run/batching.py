"""How many samples a run takes: what the model allows, what memory bears, the last short batch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from onnx_affscore.records import Array, Batch, InputHint, ProbedTensor

__all__ = ["automatic_size", "first", "padded", "parts", "taken"]

# Bytes of the largest tapped tensor in one batch. A tap frees its tensor at once, so that a few of
# about that size are alive together, not their sum: 24 images through MobileNetV3, 73 MiB of its
# largest tensor, peak 200 MiB above an idle process, weights included. Time per image was the same
# from 1 to 32 images together (MobileNetV3), or fell up to 32 (EfficientNet-B0, by a quarter).
_LARGEST_TENSOR_BYTES = 64 << 20
_LARGEST_AUTOMATIC = 128
_ITEM_BYTES = 4


def automatic_size(tensors: Iterable[ProbedTensor]) -> int:
    """Return a batch size at which the largest tapped tensor has a modest size.

    It depends on the model and the shape of a sample alone.
    """
    per_sample = max(
        (int(np.prod(t.shape, dtype=object)) * _ITEM_BYTES / max(t.samples, 1) for t in tensors),
        default=0,
    )
    fitting = int(_LARGEST_TENSOR_BYTES // max(per_sample, 1))
    return max(1, min(_LARGEST_AUTOMATIC, fitting))


def padded(batch: Batch, size: int, hints: Sequence[InputHint]) -> Batch:
    """Fill a short batch up to the only size that the model takes, repeating its last sample."""
    if batch.size >= size:
        return batch
    return taken(batch, np.minimum(np.arange(size), batch.size - 1), hints)


def parts(batch: Batch, size: int, hints: Sequence[InputHint]) -> Iterator[Batch]:
    """Yield a batch in its order, in parts of ``size`` samples, the last one possibly smaller.

    An input that does not count samples goes with every part.
    """
    if batch.size <= size:
        yield batch
        return
    for start in range(0, batch.size, size):
        yield taken(batch, np.arange(start, min(start + size, batch.size)), hints)


def taken(batch: Batch, samples: Array, hints: Sequence[InputHint]) -> Batch:
    """Return the samples of a batch at these places; what does not count samples stays."""
    axes = {h.spec.name: h.sample_axis for h in hints}

    def chosen(arrays: Mapping[str, Array]) -> dict[str, Array]:
        found = {}
        for name, array in arrays.items():
            axis = axes.get(name)
            found[name] = array if axis is None else np.take(array, samples, axis=axis)
        return found

    rows = None if batch.rows is None else batch.rows[samples]
    return Batch(chosen(batch.feeds), len(samples), chosen(batch.given), rows, batch.stop)


def first(batches: Iterable[Batch], size: int) -> Batch | None:
    """Return the first batch, None where there is none or it is short of ``size``."""
    batch = next(iter(batches), None)
    return batch if batch is not None and batch.size == size else None
