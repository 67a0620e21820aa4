"""Join many small outputs into few: each costs the runtime a conversion and a copy of its own."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias, final

import onnx

from onnx_affscore.graph.writing import NodeWriter
from onnx_affscore.records import Array
from onnx_affscore.taps import Tap

__all__ = ["Bundles", "Shape"]

Shape: TypeAlias = tuple[int | str, ...]
"""Axes of an output, (samples, channels, ...); only the first may be symbolic."""


@final
class Bundles:
    """Outputs that differ in their channels only, side by side along that axis.

    Means of images and of single positions (behind a global pooling) are kept apart: only the
    former are sure to come in the runtime's own layout, which a bundle of both would lose.
    """

    def __init__(self) -> None:
        self._members: dict[tuple[Shape, bool], list[tuple[str, int]]] = {}
        self._places: dict[str, tuple[str, slice]] = {}

    def add(self, output: str, shape: Shape, *, of: Shape) -> None:
        """Put an output into the bundle of those of its shape; ``of`` is its tensor's."""
        first, channels, *ends = shape
        single = all(size == 1 for size in of[2:])
        self._members.setdefault(((first, *ends), single), []).append((output, int(channels)))

    def joined(self, writer: NodeWriter) -> tuple[list[onnx.NodeProto], dict[str, int]]:
        """Return the nodes that join each bundle, and what to fetch: outputs and their ranks."""
        nodes: list[onnx.NodeProto] = []
        fetched: dict[str, int] = {}
        for ((_, *ends), _), members in self._members.items():
            names = [name for name, _ in members]
            bundle = names[0] if len(names) == 1 else writer.add(nodes, "Concat", names, axis=1)
            fetched[bundle] = 2 + len(ends)
            at = 0
            for name, channels in members:
                self._places[name] = (bundle, slice(at, at + channels))
                at += channels
        return nodes, fetched

    def tap(self, tap: Tap) -> Tap:
        """Return a tap that reads its part of a bundle; the same where it is in none."""
        (name, *others) = tap.fetches
        if others or name not in self._places:
            return tap
        bundle, part = self._places[name]

        def read(fetched: Mapping[str, Array], samples: int) -> Array:
            return tap.read({name: fetched[bundle][:, part]}, samples)

        return replace(tap, fetches=(bundle,), read=read)
