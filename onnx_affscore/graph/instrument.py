"""Add pooling taps to a copy of a model: only (samples, features) leave the runtime.

For each tensor the nodes of its taps are placed right behind its producer, so that the full
tensor can be freed at once. The model's opset, IR version, inputs, outputs and weights stay.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import onnx
from onnx import helper

from onnx_affscore.graph.averaging import patch_mean
from onnx_affscore.graph.bundling import Bundles
from onnx_affscore.graph.commuting import Commuted, Source
from onnx_affscore.graph.lean import Lean
from onnx_affscore.graph.level import Place
from onnx_affscore.graph.lifting import Lifter
from onnx_affscore.graph.pooling import derived_reader, patch_reader
from onnx_affscore.graph.tapping import FEATURES, QUANTITIES, TapWriter, functions
from onnx_affscore.graph.view import Step, graphs
from onnx_affscore.graph.writing import NodeWriter, unused_prefix
from onnx_affscore.records import Array, TensorLayout
from onnx_affscore.taps import Combined, Derived, Tap, TapKey

__all__ = ["Exposed", "Instrumented", "expose", "instrument"]


@final
@dataclass(frozen=True, slots=True)
class Instrumented:
    """A copy of the model with taps; ``taps`` by tensor and quantity.

    Quantities: ``features`` (rows by columns), ``square`` (mean square of each sample's
    elements), ``sparsity`` (share of them within 1e-3 of zero) and ``saturated`` (share at a flat
    end, of tensors whose layout tells the ends). ``combined`` are those that
    are made from the rows of others. ``lean`` taps hardly slow the model down.
    """

    proto: onnx.ModelProto
    taps: Mapping[TapKey, Tap]
    combined: Mapping[TapKey, Combined]
    lean: bool = False

    @property
    def fetches(self) -> tuple[str, ...]:
        """Names of all the added outputs."""
        return tuple(dict.fromkeys(name for tap in self.taps.values() for name in tap.fetches))

    def tensor_of(self, node: str) -> str | None:
        """Return the tensor that a node of a tap is about, None where the node is the model's."""
        prefix = f"{self.fetches[0].partition('/')[0]}/" if self.fetches else "/"
        nodes = [n for graph in graphs(self.proto.graph) for n in graph.node]
        maker = {name: n for n in nodes for name in n.output}
        pending = [name for n in nodes if n.name == node.strip() for name in n.output]
        if not node.startswith(prefix):
            return None
        for name in pending:  # grows while it is read
            if not name.startswith(prefix):
                return name
            pending += [read for read in maker[name].input if read] if name in maker else []
        return None


@final
@dataclass(frozen=True, slots=True)
class Exposed:
    """A copy of a model that tells the types and shapes of tensors.

    ``shapes``: tensor to the output that holds its shape. Those of the main graph are outputs
    too, untyped, so that the runtime states their types; they need not be fetched. ``dtypes``:
    the types of the others, as inference knows them.
    """

    proto: onnx.ModelProto
    shapes: Mapping[str, str]
    dtypes: Mapping[str, str]
    stacked: Mapping[str, int]


def expose(
    proto: onnx.ModelProto, names: Sequence[str], places: Mapping[str, Place] | None = None
) -> Exposed:
    """Return a copy of the model for a probe run on the named tensors.

    ``places`` tells where those of subgraphs are.
    """
    copy = _copy(proto)
    places = places or {}
    lifter, prefix = Lifter(copy.graph), unused_prefix(copy.graph)
    present = {o.name for o in copy.graph.output} | {i.name for i in copy.graph.input}
    shapes: dict[str, str] = {}
    stacked: dict[str, int] = {}
    for position, key in enumerate(dict.fromkeys(names)):
        shapes[key] = f"{prefix}/shape_{position}"
        place = places.get(key)
        path, name = ((), key) if place is None else (place.path, place.name)
        chain = lifter.chain(path)
        chain[-1][0].node.append(helper.make_node("Shape", [name], [shapes[key]]))
        stacked[key] = lifter.lift(shapes[key], path, element=onnx.TensorProto.INT64, rank=1)
        if place is None and key not in present:
            copy.graph.output.append(onnx.ValueInfoProto(name=key))
    return Exposed(copy, shapes, {k: p.dtype for k, p in places.items()}, stacked)


def instrument(
    proto: onnx.ModelProto,
    layouts: Mapping[str, TensorLayout],
    *,
    places: Mapping[str, Place] | None = None,
    derived: Mapping[str, Derived] | None = None,
    pool: str = "mean",
    quantities: Collection[str] = QUANTITIES,
    seed: int = 0,
    lean: Lean | None = None,
) -> Instrumented:
    """Return a copy of ``proto`` with the taps of every tensor in ``layouts``.

    ``pool``: ``mean`` over every axis but sample and feature axis; ``positions``: every position
    a row; ``flatten``: every axis but the sample axis a feature; ``reference``: the published
    code's axes. ``seed`` chooses the positions kept. ``quantities`` are the taps wanted.
    ``places`` tells where tensors of subgraphs are; ``derived`` which tensors are computed from
    others outside the graph. With ``lean`` the taps hardly slow the model down, see
    :class:`Lean`.
    """
    work = _Work(_copy(proto), places or {}, quantities, pool=pool, seed=seed, lean=lean)
    ways = {} if lean is None else lean.ways
    for key, layout in layouts.items():
        if derived is not None and key in derived:
            work.tap_derived(derived[key], layout)
        elif key not in ways:
            work.tap(key, layout)
    for key in ways:
        if key in layouts:
            work.tap_elsewhere(key, ways[key])
    return work.done()


@final
class _Work:
    """An instrumentation under way: the nodes to be added, by graph and tensor."""

    def __init__(
        self,
        proto: onnx.ModelProto,
        places: Mapping[str, Place],
        quantities: Collection[str],
        *,
        pool: str,
        seed: int,
        lean: Lean | None,
    ) -> None:
        self.proto, self.places, self.quantities = proto, places, quantities
        self.pool, self.seed = pool, seed
        self.shapes = {} if lean is None else lean.shapes
        self.bundles = Bundles()
        self.nodes, self.lifter = NodeWriter(proto), Lifter(proto.graph)
        self.writer = TapWriter(self.nodes, quantities=quantities, lean=lean is not None)
        self.taps: dict[TapKey, Tap] = {}
        self.added: dict[tuple[Step, ...], dict[str, list[onnx.NodeProto]]] = {(): {}}
        self.combined: dict[TapKey, Combined] = {}
        self._raw: dict[str, str] = {}

    def tap(self, key: str, layout: TensorLayout) -> None:
        """Pool a tensor inside the graph."""
        self.taps |= {(key, q): tap for q, tap in self._written(key, layout).items()}

    def tap_elsewhere(self, key: str, way: Commuted) -> None:
        """Pool what the pooled mean of a tensor follows from."""
        keys = {source: self._source(source) for source in way.sources}

        def compute(rows: Mapping[TapKey, Array]) -> Array:
            return way.compute({source: rows[tap] for source, tap in keys.items()})

        self.combined[key, FEATURES] = Combined(tuple(dict.fromkeys(keys.values())), compute)

    def _source(self, source: Source) -> TapKey:
        """Return the tap of a source, made if need be, once for all that need it."""
        key = (source.tensor, _quantity(source))
        if key not in self.taps:
            if source.whole:
                self.taps[key] = self._written(source.tensor, source.layout)[FEATURES]
            else:
                self.taps[key] = self._of_planes(source)
        return key

    def _of_planes(self, source: Source) -> Tap:
        """Pool patches of a tensor's planes, or its planes with weights of one kind or another."""
        nodes: list[onnx.NodeProto] = []
        shape = self.shapes[source.tensor]
        if source.patch is not None:
            output = patch_mean(self.nodes, nodes, source.tensor, source.patch, shape)
            ends = [1 if p == size else 2 for p, size in zip(source.patch, shape[2:], strict=True)]
        elif source.visits is not None:
            left, right = source.visits
            rows = self.nodes.constant(f"rows_{source.label}", left)
            columns = self.nodes.constant(f"columns_{source.label}", right.T.copy())
            output = self.nodes.add(nodes, "MatMul", [rows, source.tensor])
            output = self.nodes.add(nodes, "MatMul", [output, columns])
            ends = [len(left), len(right)]
        else:
            kernel = self.nodes.constant(f"kernel_{source.label}", np.asarray(source.kernel))
            inputs = [source.tensor, kernel]
            output = self.nodes.add(nodes, "Conv", inputs, group=int(shape[1]))
            ends = [1 for _ in shape[2:]]
        self._add((), source.tensor, nodes)
        self.bundles.add(output, (*shape[:2], *ends), of=shape)
        return Tap(output, (output,), patch_reader)

    def _written(self, key: str, layout: TensorLayout) -> Mapping[str, Tap]:
        path, name = self._place(key)
        written = self.writer.write(
            name,
            layout,
            pool=self.pool,
            seed=self.seed,
            inside=bool(path),
            shape=self.shapes.get(key),
        )
        self._add(path, name, written.nodes)
        for output, (element, rank) in written.outputs.items():
            if output in written.shapes:
                self.bundles.add(output, written.shapes[output], of=self.shapes[key])
            else:
                self.lifter.lift(output, path, element=element, rank=rank)
        return written.taps

    def tap_derived(self, derived: Derived, layout: TensorLayout) -> None:
        """Fetch what a tensor is computed from, each once for all that need it."""
        outputs = {name: self._fetched(name) for name in derived.fetches}
        for quantity, function in functions(layout).items():
            if quantity in self.quantities:
                pool = self.pool if quantity == FEATURES else "rows"
                read = derived_reader(derived, outputs, layout, pool, self.seed, of=function)
                self.taps[derived.name, quantity] = Tap(derived.name, tuple(outputs.values()), read)

    def _fetched(self, key: str) -> str:
        if key not in self._raw:
            path, name = self._place(key)
            output, node = self.writer.raw(name)
            self._add(path, name, [node])
            place = self.places[key]
            element = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(place.dtype))
            self.lifter.lift(output, path, element=element, rank=place.rank)
            self._raw[key] = output
        return self._raw[key]

    def _place(self, key: str) -> tuple[tuple[Step, ...], str]:
        place = self.places.get(key)
        return ((), key) if place is None else (place.path, place.name)

    def _add(self, path: tuple[Step, ...], name: str, nodes: Sequence[onnx.NodeProto]) -> None:
        self.added.setdefault(path, {}).setdefault(name, []).extend(nodes)

    def done(self) -> Instrumented:
        """Put all nodes in place, the innermost graph first: a graph is copied into its parent."""
        graphs = {path: self.lifter.chain(path)[-1][0] for path in self.added}
        for path in sorted(self.added, key=len, reverse=True):
            _insert(graphs[path], self.added[path])
        joining, fetched = self.bundles.joined(self.nodes)
        self.proto.graph.node.extend(joining)
        for output, rank in fetched.items():
            self.lifter.lift(output, (), element=int(onnx.TensorProto.FLOAT), rank=rank)
        taps = {key: self.bundles.tap(tap) for key, tap in self.taps.items()}
        return Instrumented(self.proto, taps, self.combined, self.writer.lean)


def _quantity(source: Source) -> str:
    if source.whole:
        return FEATURES
    if source.patch is not None:
        return f"patch {'x'.join(map(str, source.patch))}"
    return f"for {source.label}"


def _copy(proto: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    return copy


def _insert(graph: onnx.GraphProto, added: Mapping[str, list[onnx.NodeProto]]) -> None:
    """Put nodes right behind the producer of their tensor, else at the start of the graph."""
    made = {name for node in graph.node for name in node.output}
    nodes = [n for name, extra in added.items() if name not in made for n in extra]
    for node in graph.node:
        nodes.append(node)
        for name in node.output:
            nodes += added.get(name, [])
    fresh = onnx.GraphProto()
    fresh.node.extend(nodes)
    del graph.node[:]
    graph.node.extend(fresh.node)
