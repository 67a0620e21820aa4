"""The hash of the data that a model was fed: the same whatever the batch size and its types."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from onnx_affscore.records import Array, Batch, InputHint

__all__ = ["Fingerprint"]


@final
class Fingerprint:
    """SHA-256 over names, types, shapes and rows of all feeds as they pass.

    Every input has a chain of its rows in order, each link the hash of the one before and of a
    row; the last links are combined by input name. A value that all samples share counts once.
    Text counts as UTF-8, numbers as little-endian. Numbers count as they were given, before they
    became the model's type: a network and its float16 copy, fed with one file, have the same data.

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
        self._inputs: dict[str, _Chain] = {}
        self._samples = 0

    @property
    def samples(self) -> int:
        """Number of samples seen."""
        return self._samples

    def update(self, batch: Batch) -> None:
        """Take in the rows of one feed."""
        for name, array in {**batch.feeds, **batch.given}.items():
            chain = self._inputs.setdefault(name, _Chain())
            axis = self._axes.get(name)
            if axis is None:
                chain.shared(array, at=self._samples)
            else:
                chain.rows(np.moveaxis(array, axis, 0), at=self._samples)
        self._samples += batch.size

    def hexdigest(self) -> str:
        """The hash so far, in hexadecimal."""
        total = hashlib.sha256(f"{self._samples}".encode())
        for name, chain in sorted(self._inputs.items()):
            total.update(f"\n{len(name)}:{name} {chain.link.hex()}".encode())
        return total.hexdigest()

    @property
    def state(self) -> dict[str, Any]:
        """All that it takes to go on later, as plain data."""
        chains = {
            name: [chain.link.hex(), chain.end, chain.value.hex()]
            for name, chain in self._inputs.items()
        }
        return {"samples": self._samples, "inputs": chains}

    @state.setter
    def state(self, state: Mapping[str, Any]) -> None:
        self._samples = int(state["samples"])
        self._inputs = {
            name: _Chain(bytes.fromhex(link), int(end), bytes.fromhex(value))
            for name, (link, end, value) in state["inputs"].items()
        }


@dataclass(slots=True)
class _Chain:
    """The ``link`` behind the last row of one input, and the sample at whose ``end`` that was.

    ``value`` is the hash of what all samples share.
    """

    link: bytes = b""
    end: int = 0
    value: bytes = b""

    def rows(self, array: Array, *, at: int) -> None:
        if at != self.end:  # samples that came without this input
            self._add(f"\n{at}\n".encode(), b"")
        header = f"\n{array.dtype.name} {array.shape[1:]}\n".encode()
        for content in _by_row(array):
            self._add(header, content)
        self.end = at + len(array)

    def shared(self, array: Array, *, at: int) -> None:
        header = f"{array.dtype.name} {array.shape}\n".encode()
        value = hashlib.sha256(header + b"".join(_by_row(array[np.newaxis]))).digest()
        if value != self.value:
            self.value = value
            self._add(f"\n{at} ".encode(), value)

    def _add(self, header: bytes, content: bytes | memoryview) -> None:
        link = hashlib.sha256(self.link + header)
        link.update(content)
        self.link = link.digest()


def _by_row(array: Array) -> Iterator[bytes | memoryview]:
    """Yield the elements of each row in a fixed byte order, without a copy where they lie so."""
    if array.dtype.hasobject:
        for row in array:
            texts = (str(x).encode() for x in np.asarray(row).flat)
            yield b"".join(b"%d:%s" % (len(t), t) for t in texts)
        return
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    content = little.reshape(-1).view(np.uint8).data
    step = little.dtype.itemsize * math.prod(little.shape[1:])
    for row in range(len(little)):
        yield content[row * step : (row + 1) * step]
