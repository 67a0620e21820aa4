"""Make a model ready for tapping: whatever hides an activation is opened up, in a copy.

What the user's file computes stays the same; its own outputs are compared afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import onnx

from onnx_affscore.asked import Asked
from onnx_affscore.graph.inlining import inline_functions
from onnx_affscore.graph.locate import Located, locate
from onnx_affscore.graph.malformed import malformed
from onnx_affscore.graph.model import LoadedModel
from onnx_affscore.graph.opening import (
    HiddenSoftmax,
    Opaque,
    expose_softmaxes,
    forget_softmaxes,
    hides_activations,
    open_up,
)
from onnx_affscore.graph.pairs import Tensors
from onnx_affscore.graph.recurrent import ensure_outputs
from onnx_affscore.graph.recurrent_cells import KINDS
from onnx_affscore.graph.residuals import SKIP_NORMS, name_sums
from onnx_affscore.graph.view import graphs, kind
from onnx_affscore.records import ActivationSite, InputHint, Skipped

__all__ = ["Found", "Prepared", "find_activations", "prepare"]

_ATTENTION = frozenset({"Attention", "com.microsoft::MultiHeadAttention"})
_SUMMED = frozenset({"normalisation", "residual"})  # kinds that need the sum in a skip norm


@final
@dataclass(frozen=True, slots=True)
class Prepared:
    """A model with nothing hidden, what stays closed, and the softmaxes inside attention."""

    model: LoadedModel
    opaque: tuple[Opaque, ...] = ()
    softmaxes: tuple[HiddenSoftmax, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class Found:
    """The model that is tapped in the place of the loaded one, and what was found in it."""

    model: LoadedModel
    located: Located
    softmaxes: tuple[HiddenSoftmax, ...] = ()

    def selected(self, sites: tuple[ActivationSite, ...]) -> "Found":
        """Return the same with these sites; softmaxes that none of them needs are not computed."""
        needed = {n for s in sites if s.unscored is None for n in (s.input, s.output)}
        unwanted = [
            s
            for s in self.softmaxes
            if not any(key.endswith((s.input, s.output)) for key in needed)
        ]
        forget_softmaxes(self.model.proto, unwanted)
        return replace(self, located=replace(self.located, sites=sites))


def find_activations(
    model: LoadedModel, hints: Sequence[InputHint] = (), asked: Asked | None = None
) -> Found:
    """Prepare a model and find every activation in it, those that stay closed among the skipped.

    ``asked``: what else is to be a site.
    """
    asked = asked or Asked()
    with malformed(model.proto, model.info.path):
        return _found(model, hints, asked)


def _found(model: LoadedModel, hints: Sequence[InputHint], asked: Asked) -> Found:
    prepared = prepare(model, sums=not _SUMMED.isdisjoint(asked.operators))
    located = locate(
        prepared.model,
        hints,
        softmaxes=prepared.softmaxes,
        asked=asked,
        tensors=Tensors.of(prepared.model.proto, model.proto),
    )
    closed = tuple(Skipped(o.node, o.kind, o.reason) for o in prepared.opaque)
    skipped = (*located.skipped, *closed)
    return Found(prepared.model, replace(located, skipped=skipped), prepared.softmaxes)


def prepare(model: LoadedModel, *, sums: bool = False) -> Prepared:
    """Return the model with nothing hidden; the same object where nothing was.

    With ``sums`` those inside skip normalisations are made tensors too.
    """
    inlined = inline_functions(model.proto)
    kinds = {kind(node) for graph in graphs(inlined.graph) for node in graph.node}
    sums = sums and bool(kinds & SKIP_NORMS)
    if not (sums or kinds & {*KINDS, *_ATTENTION} or hides_activations(inlined)):
        return Prepared(model if inlined is model.proto else replace(model, proto=inlined))
    proto = onnx.ModelProto()
    proto.CopyFrom(inlined)
    opaque = open_up(proto)
    softmaxes = expose_softmaxes(proto)
    ensure_outputs(proto)
    if sums:
        for graph in graphs(proto.graph):
            name_sums(graph)
    return Prepared(replace(model, proto=proto), opaque, softmaxes)
