"""Put nodes in an order in which some outputs are computed as early as they can be.

A runtime that optimises a graph orders it anew, by depth from its ends: taps then run late, when
their tensors have left the caches, and hold memory until then. So the optimised graph is saved,
its nodes are moved, and it is run as it is.
"""

from collections import deque
from collections.abc import Collection, Iterator

import onnx

__all__ = ["move_forward"]


def move_forward(graph: onnx.GraphProto, outputs: Collection[str]) -> None:
    """Move what only the named outputs need right behind what it reads, in place.

    All other nodes keep their order, which must be one in which the graph can run.
    """
    nodes = list(graph.node)
    producer = {name: i for i, node in enumerate(nodes) for name in node.output if name}
    needs = [{producer[n] for n in _reads(node) if n in producer} for node in nodes]
    others = [o.name for o in graph.output if o.name not in outputs]
    kept = _upstream((producer[n] for n in others if n in producer), needs)
    waiting = {i: len(needs[i]) for i in range(len(nodes)) if i not in kept}
    readers: dict[int, list[int]] = {}
    for i in waiting:
        for needed in needs[i]:
            readers.setdefault(needed, []).append(i)
    order: list[int] = []
    ready = deque(i for i, missing in waiting.items() if not missing)
    for start in (None, *sorted(kept)):
        if start is not None:
            ready.append(start)
        while ready:
            current = ready.popleft()
            order.append(current)
            for reader in readers.get(current, ()):
                waiting[reader] -= 1
                if not waiting[reader]:
                    ready.append(reader)
    moved = onnx.GraphProto()
    moved.node.extend(nodes[i] for i in order)
    del graph.node[:]
    graph.node.extend(moved.node)


def _upstream(ends: Iterator[int], needs: list[set[int]]) -> set[int]:
    """Positions of nodes that some end depends on, the ends included."""
    pending, seen = list(ends), set[int]()
    while pending:
        position = pending.pop()
        if position not in seen:
            seen.add(position)
            pending += needs[position]
    return seen


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """Names that a node reads; those inside its subgraphs too, which are harmless if their own."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _reads(inner)
        yield from (o.name for o in attribute.g.output)
