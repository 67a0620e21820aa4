"""The hash of the data that a model was fed: the same whatever the batch size and its types."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import final

import numpy as np

from onnx_affscore.records import Array, Batch, InputHint

__all__ = ["Fingerprint"]


@final
class Fingerprint:
    """SHA-256 over names, types, shapes and rows of all feeds as they pass.

    Every input has a running hash of its rows in order; the digests are combined by input name. A
    value that all samples share counts once. Text counts as UTF-8, numbers as little-endian.
    Numbers count as they were given, before they became the model's type: a network and its
    float16 copy, fed with one file, have the same data.

    Examples
    --------
    >>> from onnx_affscore.records import TensorSpec
    >>> x = InputHint(TensorSpec("x", "float32", ("n", 2)))
    >>> whole, halves = Fingerprint([x]), Fingerprint([x])
    >>> rows = np.arange(8, dtype="float32").reshape(4, 2)
    >>> whole.update(Batch({"x": rows}, 4))
    >>> for part in (rows[:2], rows[2:]):
    ...     halves.update(Batch({"x": part}, 2))
    >>> whole.hexdigest() == halves.hexdigest()
    True
    """

    def __init__(self, hints: Sequence[InputHint]) -> None:
        self._axes: Mapping[str, int | None] = {h.spec.name: h.sample_axis for h in hints}
        self._inputs: dict[str, _Running] = {}
        self._samples = 0

    @property
    def samples(self) -> int:
        """Number of samples seen."""
        return self._samples

    def update(self, batch: Batch) -> None:
        """Take in the rows of one feed."""
        for name, array in {**batch.feeds, **batch.given}.items():
            running = self._inputs.setdefault(name, _Running())
            axis = self._axes.get(name)
            if axis is None:
                running.shared(array, at=self._samples)
            else:
                running.rows(np.moveaxis(array, axis, 0), at=self._samples)
        self._samples += batch.size

    def hexdigest(self) -> str:
        """The hash so far, in hexadecimal."""
        total = hashlib.sha256(f"{self._samples}".encode())
        for name, running in sorted(self._inputs.items()):
            total.update(f"\n{len(name)}:{name} {running.hexdigest()}".encode())
        return total.hexdigest()


class _Running:
    """The hash of one input: a header wherever type or row shape change, then the rows."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._header: tuple[str, tuple[int, ...]] | None = None
        self._value: bytes | None = None

    def rows(self, array: Array, *, at: int) -> None:
        header = (array.dtype.name, array.shape[1:])
        if header != self._header:
            self._header = header
            self._hash.update(f"\n{at} {header}\n".encode())
        self._hash.update(_bytes(array))

    def shared(self, array: Array, *, at: int) -> None:
        value = f"{array.dtype.name} {array.shape}\n".encode() + bytes(_bytes(array))
        if value != self._value:
            self._value = value
            self._hash.update(f"\n{at} ".encode() + value)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _bytes(array: Array) -> bytes | memoryview:
    """The elements in a fixed byte order, without a copy where they lie so already."""
    if array.dtype.hasobject:
        texts = (str(x).encode() for x in array.flat)
        return b"".join(b"%d:%s" % (len(t), t) for t in texts)
    little = array.dtype.newbyteorder("<")
    return np.ascontiguousarray(array, dtype=little).reshape(-1).view(np.uint8).data
