"""The nodes that lie between two tensors."""

from onnx_affscore.graph.view import GraphView, reads

__all__ = ["between"]


def between(view: GraphView, source: str, target: str) -> tuple[int, ...]:
    """Return the positions of the nodes on all paths from one tensor to another.

    They are in execution order; none where no path leads there.
    """
    start = view.producer.get(source, -1)
    behind: set[int] = set()
    pending = [target]
    while pending:
        name = pending.pop()
        position = view.producer.get(name, -1)
        # What is made before the source cannot follow from it.
        if name == source or position <= start or position in behind:
            continue
        behind.add(position)
        pending += reads(view.nodes[position])
    reached, found = {source}, []
    for position in sorted(behind):
        if reads(view.nodes[position]) & reached:
            reached.update(view.nodes[position].output)
            found.append(position)
    return tuple(found) if target in reached else ()
