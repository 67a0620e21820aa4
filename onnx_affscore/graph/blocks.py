"""ONE table: kinds of operators that are no activations, and how to find the tensors at their ends.

To add a kind, add a row here and one in ``OPERATORS`` of :mod:`onnx_affscore.asked`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from onnx_affscore.graph.level import Level, Probe
from onnx_affscore.graph.normalisations import normalisations
from onnx_affscore.graph.residuals import residuals
from onnx_affscore.graph.view import attributes, kind

__all__ = ["BLOCKS", "Finder", "blocks"]

Finder: TypeAlias = Callable[[Level], Iterator[Probe]]

_MAX_POOLS: Final = {
    "MaxPool": "MaxPool",
    "com.microsoft::MaxpoolWithMask": "MaxPool",
    "com.microsoft::NhwcMaxPool": "MaxPool",
    "GlobalMaxPool": "GlobalMaxPool",
}


def blocks(level: Level, kinds: Sequence[str]) -> list[Probe]:
    """Return what is found of the kinds asked for in one graph.

    Softmax has no row: it is found as an activation, and only has to be selected.
    """
    return [probe for name in kinds if name in BLOCKS for probe in BLOCKS[name](level)]


def _max_pools(level: Level) -> Iterator[Probe]:
    for position in sorted(level.view.live):
        node = level.view.nodes[position]
        name = _MAX_POOLS.get(kind(node))
        if name is not None and node.input[0] in level.context.from_data:
            kernel = attributes(node).get("kernel_shape")
            params = {} if kernel is None else {"kernel_shape": [int(k) for k in kernel]}
            ends = (node.input[0], node.output[0])
            yield Probe(*ends, (position,), name, label="max-pool", params=params)


BLOCKS: Final[Mapping[str, Finder]] = {
    "max-pool": _max_pools,
    "normalisation": normalisations,
    "residual": residuals,
}
