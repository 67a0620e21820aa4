"""A decoder that lies in a file of its own is fed what the encoder's file makes of the texts."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from onnx_affscore.data import open_source
from onnx_affscore.data.columns import Column, ColumnSource
from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.elements import element_type
from onnx_affscore.data.masks import token_masks
from onnx_affscore.data.meanings import known_meaning, side_of, token_ids
from onnx_affscore.data.source import Data
from onnx_affscore.errors import DataError, ModelError, OptionError
from onnx_affscore.feeding import Feeding
from onnx_affscore.graph.hints import input_hints, tensor_spec
from onnx_affscore.graph.model import LoadedModel
from onnx_affscore.graph.tensors import external_files
from onnx_affscore.options import Options
from onnx_affscore.protocols import DataSource, Engine, SessionPlan
from onnx_affscore.records import Array, InputHint

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
    path = model.info.path
    own = input_hints(model.proto)

    def opened(
        inputs: Sequence[InputHint], feeding: Feeding, elsewhere: Collection[str] = ()
    ) -> ColumnSource:
        source = open_source(
            data,
            inputs,
            samples=options.samples,
            seed=options.seed,
            feeding=feeding,
            elsewhere=elsewhere,
        )
        if not isinstance(source, ColumnSource):
            raise OptionError("--encoder runs on files of text alone; give --data FILE.txt")
        return source

    encoder = opened(own, replace(options.feeding, target_field=None))  # it reads no targets
    masks = token_masks(encoder, own)
    if not masks:
        raise DataError(
            f"--encoder {path}: it has no mask for padding, so that texts of several lengths cannot"
            " be kept apart; export it with attention_mask"
        )
    output = _states_output(model, hidden)
    session = engine.open(
        SessionPlan(
            model.proto.SerializeToString(),
            folder=model.folder,
            external=external_files(model.proto, model.folder),
            custom_operators=options.custom_operators,
        )
    )
    ids = encoder.columns[token_ids(own)["source"].spec.name]
    read = encoder.columns[masks[0].name]

    def states(rows: Rows) -> Array:
        feeds = {name: column.take(rows) for name, column in encoder.columns.items()}
        return np.asarray(session.run([output], feeds)[output]).astype(element_type(hidden.spec))

    length = next(n for axis, n in enumerate(ids.shape) if axis != 0)
    width = (hidden.spec.shape or (None,))[-1]
    made = {
        hidden.spec.name: Column((1, length, int(width or 0)), ids.count, states, origin=ids.read)
    }
    if mask is not None:
        kind = element_type(mask.spec)
        made[mask.spec.name] = replace(
            read, read=lambda rows: read.take(rows).astype(kind), change=None, origin=read.read
        )
    notes = [f"encoder, {note}" for note in encoder.notes]
    notes.append(f"{hidden.spec.name}: '{output}' of {path}, SHA-256 {model.info.sha256}")
    return opened(hints, options.feeding, made).beside(made, notes=tuple(notes))


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


def _states_output(model: LoadedModel, hidden: InputHint) -> str:
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
    return chosen[0].name
