"""Cut a region into activations: the fewest named pieces between its cuts, affine parts between.

For every pair of cuts of a cone the piece between them is a function of one number. A path from
the source to the target through affine and named pieces is chosen that has the fewest activations,
and of those the fewest pieces; what has no such path is named up to an affine map, or Custom. A
function that is not defined for all numbers is taken apart: a root hides no Relu beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from onnx_affscore.graph import identify
from onnx_affscore.graph.catalogue import Curve
from onnx_affscore.graph.identify import Identity
from onnx_affscore.graph.operators import STRUCTURAL
from onnx_affscore.graph.regions import Cone, Regions
from onnx_affscore.graph.view import attributes, kind

__all__ = ["Piece", "Segmenter"]

# Longer chains of cuts than this are thinned out: every pair is evaluated.
_MOST_CUTS = 24
# Cones of more nodes than this are not taken apart: parts of parts are evaluated anew.
_MOST_APART = 24

_IDENTITIES = frozenset({"Identity", "Cast", "CastLike", "Dropout", "QuantizeLinear",
                         "DequantizeLinear", *STRUCTURAL})  # fmt: skip


@final
@dataclass(frozen=True, slots=True)
class Piece:
    """A non-affine part of a region: its cone and what it computes."""

    cone: Cone
    identity: Identity
    curve: Curve


@final
class Segmenter:
    """Names the pieces of cones; equal functions are named once."""

    def __init__(self, regions: Regions) -> None:
        self.regions = regions
        self._names: dict[tuple[str, ...], Identity] = {}

    def pieces(self, cone: Cone) -> list[Piece]:
        """Return the activations between a cone's source and its target, in execution order."""
        cone = self._trimmed(cone)
        if not cone.nodes:
            return []
        whole = self.regions.curve(cone)
        if identify.affine_map(whole) is not None:
            return []
        return self._path(cone) or self._remainder(cone, whole)

    def exact(self, cone: Cone, *, channel: int | None = None) -> Identity | None:
        """Name a cone by the first closed form that equals it."""
        return self._named(cone, self.regions.curve(cone, channel=channel))

    def operators(self, cone: Cone) -> tuple[str, ...]:
        """Return the operators of a cone that compute something."""
        kinds = (kind(self.regions.view.nodes[p]) for p in cone.nodes)
        return tuple(k for k in kinds if k not in _IDENTITIES)

    def _half(self, cone: Cone) -> bool:
        view = self.regions.view
        dtypes = {view.dtype(n) for p in cone.nodes for n in view.nodes[p].input if n}
        return bool(dtypes & {"float16", "bfloat16"})

    def _trimmed(self, cone: Cone) -> Cone:
        """Leave casts and moves at both ends outside, so that the tensors are the activation's."""
        source, target = cone.cuts[0], cone.cuts[-1]
        for cut in cone.cuts[1:]:
            if not self._is_identity(cut):
                break
            source = cut
        for cut, before in zip(cone.cuts[::-1], cone.cuts[-2::-1], strict=False):
            if not self._is_identity(cut) or cut == source:
                break
            target = before
        if (source, target) == (cone.source, cone.target):
            return cone
        return self.regions.cone(target, source)

    def _is_identity(self, output: str) -> bool:
        node = self.regions.view.producer_of(output)
        if node is None or kind(node) not in _IDENTITIES:
            return False
        integer_cast = node.op_type == "Cast" and attributes(node).get("to") not in (1, 10, 11, 16)
        return not integer_cast

    def _path(self, cone: Cone, *, gaps: bool = False) -> list[Piece]:
        """Return the cheapest chain of affine and exactly named pieces, empty if there is none.

        With ``gaps`` the functions between neighbouring cuts that have no name are in it, as few
        as there can be.
        """
        cuts = _thinned(cone.cuts)
        best: dict[int, tuple[tuple[int, int, int], list[Piece]]] = {0: ((0, 0, 0), [])}
        for j in range(1, len(cuts)):
            for i in range(j):
                if i not in best:
                    continue
                (missing, named, pieces), chain = best[i]
                between = self.regions.cone(cuts[j], cuts[i])
                step = self._step(between)
                gap = step is None and gaps and j == i + 1
                if gap:
                    step = self._taken_apart(between)
                if step is None:
                    continue
                cost = (missing + gap, named + len(step), pieces + 1)
                if j not in best or cost < best[j][0]:
                    best[j] = (cost, chain + step)
        return best[len(cuts) - 1][1] if len(cuts) - 1 in best else []

    def _taken_apart(self, cone: Cone) -> list[Piece]:
        """Return what lies before the last operator of a cone without a name, and the cone."""
        curve = self.regions.curve(cone)
        whole = self._whole(cone, curve)
        node = self.regions.view.producer_of(cone.target)
        if node is None or len(cone.nodes) > _MOST_APART or identify.is_finite(curve):
            return [whole]
        operands = dict.fromkeys(n for n in self.regions.inputs(node) if n != cone.source)
        cones = [self.regions.cone(n, cone.source) for n in operands]
        parts = {p.cone: p for each in cones for p in self.pieces(each)}
        return [*parts.values(), whole]

    def _step(self, cone: Cone) -> list[Piece] | None:
        curve = self.regions.curve(cone)
        if identify.affine_map(curve) is not None:
            return []
        cone = self._trimmed(cone)
        identity = self._named(cone, curve)
        return None if identity is None else [Piece(cone, identity, curve)]

    def _named(self, cone: Cone, curve: Curve) -> Identity | None:
        return identify.exact(curve, operators=self.operators(cone), half=self._half(cone))

    def _remainder(self, cone: Cone, whole: Curve) -> list[Piece]:
        """Name what has no exact path: a residual branch, an affine image, or Custom."""
        for branch in self._branches(cone):
            found = self._path(branch)
            if found:
                return found
        if not identify.is_finite(whole):
            return self._path(cone, gaps=True)
        return [self._whole(cone, whole)]

    def _whole(self, cone: Cone, curve: Curve) -> Piece:
        return Piece(cone, self._affine_or_custom(cone, curve), curve)

    def _affine_or_custom(self, cone: Cone, curve: Curve) -> Identity:
        """Name a curve that no closed form equals; equal curves are fitted once."""
        key = (identify.fingerprint(curve), *sorted(set(self.operators(cone))))
        if key not in self._names:
            sought = identify.is_finite(curve) and not identify.is_polynomial(curve)
            found = (
                identify.up_to_affine(curve, operators=self.operators(cone), half=self._half(cone))
                if sought
                else None
            )
            self._names[key] = found or identify.custom(curve)
        return self._names[key]

    def _branches(self, cone: Cone) -> Iterator[Cone]:
        """Yield the other operand where a cone ends in source + branch (a skip connection)."""
        node = self.regions.view.producer_of(cone.target)
        if node is None or node.op_type not in ("Add", "Sum") or len(node.input) != 2:
            return
        for skip, branch in (node.input, node.input[::-1]):
            if skip == cone.source and branch != skip:
                yield self.regions.cone(branch, cone.source)


def _thinned(cuts: tuple[str, ...]) -> tuple[str, ...]:
    if len(cuts) <= _MOST_CUTS:
        return cuts
    step = len(cuts) / (_MOST_CUTS - 1)
    kept = sorted({0, len(cuts) - 1, *(int(k * step) for k in range(_MOST_CUTS - 1))})
    return tuple(cuts[k] for k in kept)
