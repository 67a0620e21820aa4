"""Make a model ready for tapping: whatever hides an activation is opened up, in a copy.

What the user's file computes stays the same; its own outputs are compared afterwards.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import final

import onnx

from onnx_affscore.graph.locate import Located, locate
from onnx_affscore.graph.model import LoadedModel
from onnx_affscore.graph.recurrent import ensure_outputs
from onnx_affscore.graph.recurrent_cells import KINDS
from onnx_affscore.graph.view import kind, subgraphs
from onnx_affscore.records import InputHint

__all__ = ["Prepared", "find_activations", "prepare"]


@final
@dataclass(frozen=True, slots=True)
class Prepared:
    """The model that is searched and tapped in the place of the loaded one, and what was found."""

    model: LoadedModel
    located: Located


def find_activations(model: LoadedModel, hints: Sequence[InputHint] = ()) -> Prepared:
    """Prepare a model and find every activation in it."""
    prepared = prepare(model)
    return Prepared(prepared, locate(prepared, hints))


def prepare(model: LoadedModel) -> LoadedModel:
    """Return the model with nothing hidden; the same object where nothing was."""
    if not any(kind(node) in KINDS for node in _nodes(model.proto.graph)):
        return model
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    ensure_outputs(proto)
    return replace(model, proto=proto)


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for _, inner in subgraphs(node):
            yield from _nodes(inner)
