"""A decoder that lies in a file of its own is fed what the encoder's file makes of the texts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from onnx_affscore.data import open_source
from onnx_affscore.data.columns import Column, ColumnSource
from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.elements import element_type
from onnx_affscore.data.masks import token_masks
from onnx_affscore.data.meanings import known_meaning, side_of, token_ids
from onnx_affscore.data.source import Data
from onnx_affscore.errors import DataError, ModelError, OptionError
from onnx_affscore.graph.hints import input_hints, tensor_spec
from onnx_affscore.graph.model import LoadedModel
from onnx_affscore.graph.tensors import external_files
from onnx_affscore.options import Options
from onnx_affscore.protocols import DataSource, Engine, OpenModel, SessionPlan
from onnx_affscore.records import Array, InputHint, TensorSpec

__all__ = ["encoded_source"]

# What exporters call the output that decoders attend to.
_STATES = ("last_hidden_state", "encoder_hidden_states", "hidden_states", "encoder_output")


def encoded_source(
    model: LoadedModel, data: Data, *, hints: Sequence[InputHint], engine: Engine, options: Options
) -> DataSource:
    """Open text for a decoder with these ``hints``, whose states come from an encoder.

    The encoder reads the text, padded by its own mask, and the decoder what it is to say.

    Raises
    ------
    OptionError
        The data are not said to be text.
    ModelError
        The encoder has no output for the decoder's input.
    DataError
        The decoder has no input for states, or the encoder cannot be told of padding.
    """
    if options.feeding.tokenizer is None:
        raise OptionError("--encoder runs on text; give the tokenizer of both with --tokenizer")
    hidden, mask = _states_input(hints)
    own = input_hints(model.proto)
    feeding = replace(options.feeding, target_field=None)  # an encoder reads no targets
    texts = _texts(data, own, options=replace(options, feeding=feeding))
    masks = token_masks(texts, own)
    if not masks:
        raise DataError(
            f"--encoder {model.info.path}: it has no mask for padding, so that texts of several"
            " lengths cannot be kept apart; export it with attention_mask"
        )
    output = _states_output(model, hidden)
    session = engine.open(_plan(model, options))
    states = _States(texts, session, output.name, element_type(hidden.spec))
    ids = texts.columns[token_ids(own)["source"].spec.name]
    length = next(n for axis, n in enumerate(ids.shape) if axis != 0)
    told = (spec.shape[-1] for spec in (hidden.spec, output) if spec.shape)
    width = next((n for n in told if isinstance(n, int)), None) or states.width()
    made = {hidden.spec.name: Column((1, length, width), ids.count, states, origin=ids.read)}
    if mask is not None:
        read, kind = texts.columns[masks[0].name], element_type(mask.spec)
        made[mask.spec.name] = replace(
            read, read=lambda rows: read.take(rows).astype(kind), change=None, origin=read.read
        )
    notes = (
        *(f"encoder, {note}" for note in texts.notes),
        f"{hidden.spec.name}: '{output.name}' of {model.info.path}, SHA-256 {model.info.sha256}",
    )
    return _texts(data, hints, options=options, elsewhere=made).beside(made, notes=notes)


@final
@dataclass(frozen=True, slots=True)
class _States:
    """What an encoder makes of rows of its texts, as the decoder takes it."""

    texts: ColumnSource
    session: OpenModel
    output: str
    dtype: np.dtype[Any]

    def __call__(self, rows: Rows) -> Array:
        return self._of({name: column.take(rows) for name, column in self.texts.columns.items()})

    def width(self) -> int:
        """The features of a token, found by running the first text that can be read."""
        return int(self._of(next(self.texts.batches(1)).feeds).shape[-1])

    def _of(self, feeds: Mapping[str, Array]) -> Array:
        return np.asarray(self.session.run([self.output], feeds)[self.output]).astype(self.dtype)


def _texts(
    data: Data, hints: Sequence[InputHint], *, options: Options, elsewhere: Collection[str] = ()
) -> ColumnSource:
    """The texts as one of the two models reads them."""
    source = open_source(
        data,
        hints,
        samples=options.samples,
        seed=options.seed,
        feeding=options.feeding,
        elsewhere=elsewhere,
    )
    if not isinstance(source, ColumnSource):
        raise OptionError("--encoder runs on files of text alone; give --data FILE.txt")
    return source


def _plan(model: LoadedModel, options: Options) -> SessionPlan:
    return SessionPlan(
        model.proto.SerializeToString(),
        folder=model.folder,
        external=external_files(model.proto, model.folder),
        custom_operators=options.custom_operators,
    )


def _states_input(hints: Sequence[InputHint]) -> tuple[InputHint, InputHint | None]:
    """The decoder's input for an encoder's states, and that for the mask over them."""
    source = [h for h in hints if not h.optional and side_of(h, hints) == "source"]
    states = [
        h
        for h in source
        if "float" in h.spec.dtype and len(h.spec.shape or ()) == 3 and known_meaning(h) is None
    ]
    if len(states) != 1 or "target" not in token_ids(hints):
        have = ", ".join(f"'{h.spec.name}'" for h in hints)
        raise DataError(
            f"--encoder: found no decoder that takes an encoder's states, its inputs are {have};"
            " leave --encoder out"
        )
    masks = [h for h in source if known_meaning(h) == "mask" and len(h.spec.shape or ()) == 2]
    return states[0], masks[0] if masks else None


def _states_output(model: LoadedModel, hidden: InputHint) -> TensorSpec:
    """The encoder's output for the decoder's input: by its name, else the only one of that form."""
    specs = [tensor_spec(value) for value in model.proto.graph.output]
    fits = [s for s in specs if "float" in s.dtype and len(s.shape or (0, 0, 0)) == 3]
    named = [s for s in fits if s.name in (hidden.spec.name, *_STATES)]
    chosen = named[:1] or (fits if len(fits) == 1 else [])
    if not chosen:
        have = ", ".join(f"'{s.name}' ({s.dtype})" for s in specs)
        raise ModelError(
            f"{model.info.path}: found the outputs {have}, and none that is the states"
            f" (samples, tokens, features) for '{hidden.spec.name}'; give the encoder's file"
        )
    return chosen[0]
