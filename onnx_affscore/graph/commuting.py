"""Pooled means that follow from other pooled means, because an operator commutes with the mean.

The input of an activation is often hidden: runtimes fuse a convolution, its bias and the activation
behind it into one kernel, which never writes it down. A tap on it would undo the fusion. But the
mean over positions of W x + b is W times the mean of x, plus b; where that is cheaper the tap sits
on x.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, final

import onnx

from onnx_affscore.graph.names import printable
from onnx_affscore.graph.view import GraphView, kind
from onnx_affscore.graph.windows import Patch
from onnx_affscore.records import ActivationSite, Array, TensorLayout

__all__ = ["Commuted", "Commuting", "Rule", "Source", "commuted"]

# A tap that undoes a fusion makes the runtime write the tensor, read it again and write another.
# Measured on convolutions with ReLU and hard swish: eight times what reading it from a cache takes.
_COST_OF_UNFUSING = 8
# What a node costs besides the elements that it reads, in such elements: some ten microseconds for
# a batch of a few samples.
_COST_OF_A_NODE = 8192
# Weights are read besides the elements.
_COST_OF_WEIGHTS = 2
# Nothing is fused into these from their front.
_PRODUCTS = frozenset({"Conv", "Gemm", "MatMul"})


@final
@dataclass(frozen=True, slots=True)
class Source:
    """A tensor that is pooled in the graph: as a whole, in patches, or with weights of its own.

    ``patch``: means of patches in the corners of its planes. ``kernel``: instead of the mean, each
    channel's sum weighted by (channels, 1, plane ...). ``visits``: the product of its planes with
    a matrix (rows, height) from the left and one (columns, width) from the right. ``label`` tells
    the last two from others.
    """

    tensor: str
    layout: TensorLayout
    patch: Patch | None = None
    label: str | None = None
    kernel: Array | None = field(default=None, compare=False)
    visits: tuple[Array, Array] | None = field(default=None, compare=False)

    @property
    def whole(self) -> bool:
        """Whether it is the pooled tensor itself."""
        return self.patch is None and self.label is None


Values: TypeAlias = Mapping[Source, Array]


@final
@dataclass(frozen=True, slots=True)
class Commuted:
    """The pooled mean of a tensor as a function of that of others.

    ``compute`` takes the rows of each source, (n, c), or (n, c, ends ...) for patches, and
    returns those of the tensor, (n, d).
    """

    sources: tuple[Source, ...]
    compute: Callable[[Values], Array] = field(compare=False)

    @classmethod
    def itself(cls, tensor: str, layout: TensorLayout) -> "Commuted":
        """Return what is pooled where it stands."""
        source = Source(tensor, layout)
        return cls((source,), lambda values: values[source])

    def then(self, function: Callable[[Array], Array]) -> "Commuted":
        """Return the same with its rows changed."""
        return Commuted(self.sources, lambda values: function(self.compute(values)))

    @classmethod
    def joined(
        cls, parts: Sequence["Commuted"], function: Callable[[list[Array]], Array]
    ) -> "Commuted":
        """Return what is made of the rows of several."""
        sources = tuple(dict.fromkeys(s for part in parts for s in part.sources))
        return cls(sources, lambda values: function([part.compute(values) for part in parts]))


Rule: TypeAlias = Callable[["Commuting", onnx.NodeProto, TensorLayout], Commuted | None]


def commuted(
    view: GraphView,
    sites: Iterable[ActivationSite],
    layouts: Mapping[str, TensorLayout],
    rules: Mapping[str, Rule],
) -> dict[str, Commuted]:
    """Return, by tensor, the inputs of sites whose pooled mean is cheaper taken elsewhere.

    ``layouts`` are those of all tensors to be pooled; those that are not returned are pooled
    where they stand, so that they cost nothing as a source.
    """
    chosen = [s for s in sites if s.unscored is None and s.input in layouts]
    walk = Commuting(view, rules, pooled={s.output for s in chosen})
    found: dict[str, Commuted] = {}
    for site in chosen:
        if site.input in walk.pooled or site.input in found:
            continue
        way = walk.around(site, layouts[site.input])
        if way is None:
            walk.pooled.add(site.input)
        else:
            found[site.input] = way
            walk.pooled.update(s.tensor for s in way.sources if s.whole)
    return found


@final
class Commuting:
    """The walk from a tensor up to what is pooled; ``pooled`` are tensors that are anyway."""

    def __init__(self, view: GraphView, rules: Mapping[str, Rule], *, pooled: set[str]) -> None:
        self.view, self.rules, self.pooled = view, rules, pooled

    def around(self, site: ActivationSite, layout: TensorLayout) -> Commuted | None:
        """Return a cheaper way to the pooled input of a site, None where there is none."""
        kept = sum(axis is not None for axis in (layout.sample_axis, layout.feature_axis))
        if layout.dtype not in ("float32", "float64") or layout.stacked or layout.rank == kept:
            return None
        node = self.view.producer_of(site.input)
        way = None if node is None else self._ruled(node, layout)
        if way is None:
            return None
        direct = self._direct(site.input, hidden=self._hidden(site))
        return way if self.cost(way) < direct else None

    def of(self, name: str, layout: TensorLayout) -> Commuted:
        """Return the way to the pooled mean of a tensor: around it, or where it stands.

        A tensor that several operators read, or a product's only operand, exists at run time
        anyway; others may be fused away.
        """
        there = Commuted.itself(name, layout)
        node = self.view.producer_of(name)
        readers = self.view.consumers_of(name)
        shared = len(readers) > 1 or name in self.view.outputs
        if name in self.pooled or node is None or shared:
            return there
        way = self._ruled(node, layout)
        direct = self._direct(name, hidden=not all(kind(n) in _PRODUCTS for n in readers))
        return way if way is not None and self.cost(way) < direct else there

    def follows(self, name: str, like: str) -> bool:
        """Whether a tensor is known to have the shape of another."""
        shape = self.view.shape(name)
        return shape is not None and None not in shape and shape == self.view.shape(like)

    def _ruled(self, node: onnx.NodeProto, layout: TensorLayout) -> Commuted | None:
        rule = self.rules.get(kind(node))
        return None if rule is None else rule(self, node, layout)

    def cost(self, way: Commuted) -> float:
        """Elements that all of its sources read."""
        return sum(self._cost(source) for source in way.sources)

    def _direct(self, name: str, *, hidden: bool) -> float:
        """Elements that a tap on the tensor itself reads and makes the runtime write and read."""
        elements = self._elements(name)
        if hidden:
            return _COST_OF_UNFUSING * elements + 2 * _COST_OF_A_NODE
        return elements + _COST_OF_A_NODE

    def _hidden(self, site: ActivationSite) -> bool:
        """Whether nothing but the site reads its input, so that a runtime may fuse it away."""
        readers = self.view.consumers_of(site.input)
        names = {printable(n.name or (n.output[0] if n.output else n.op_type)) for n in readers}
        return site.input not in self.view.outputs and names <= set(site.nodes)

    def _elements(self, name: str) -> float:
        """Elements a sample as far as they are known: an unknown axis counts as one."""
        return math.prod(d for d in self.view.shape(name) or () if isinstance(d, int))

    def _cost(self, source: Source) -> float:
        """Elements that pooling a source reads, its node counted in."""
        if source.visits is not None:
            return self._elements(source.tensor) + 2 * _COST_OF_A_NODE
        if source.kernel is not None:
            return _COST_OF_WEIGHTS * self._elements(source.tensor) + _COST_OF_A_NODE
        if source.patch is None:
            there = source.tensor in self.pooled
            return 0.0 if there else self._elements(source.tensor) + _COST_OF_A_NODE
        shape = self.view.shape(source.tensor) or ()
        channels = shape[1] if len(shape) > 1 and isinstance(shape[1], int) else 1
        plane = [d for d in shape[2:] if isinstance(d, int)]
        ends = math.prod(2 for p, d in zip(source.patch, plane, strict=True) if p < d)
        return float(channels * math.prod(source.patch) * ends + _COST_OF_A_NODE)
