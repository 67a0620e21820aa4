"""Which inputs say what tokens are padding, and of which tokens they say so."""

import re
from collections.abc import Sequence

from onnx_affscore.data.columns import ColumnSource
from onnx_affscore.data.meanings import carriers, known_meaning, side_of
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import InputHint, TokenMask

__all__ = ["token_masks"]

# attention_mask, input_mask, encoder_attention_mask
_MASK = re.compile(r"(attention|input|padding|token)_?mask", re.IGNORECASE)


def token_masks(source: DataSource, hints: Sequence[InputHint]) -> tuple[TokenMask, ...]:
    """The masks among what a model is fed that have samples and tokens; those of a decoder first.

    A tensor that depends on what a decoder says has its tokens, though it depends on the source
    as well. Without a mask, ids tell padding that is a number of its own.
    """
    batch = next(iter(source.batches(1)), None)
    feeds = {} if batch is None else batch.feeds
    tokens = carriers(hints)
    found: list[tuple[str, TokenMask]] = []
    for hint in hints:
        name = hint.spec.name
        array = feeds.get(name)
        if array is None or array.ndim != 2 or not _MASK.search(name):
            continue
        side = side_of(hint, hints)
        carrier = tokens.get(side)
        width = array.shape[1]
        length = width
        if carrier is not None and carrier.spec.name in feeds:
            shape = feeds[carrier.spec.name].shape
            length = next(n for axis, n in enumerate(shape) if axis != carrier.sample_axis)
        if length > width:
            continue
        mask = TokenMask(
            name,
            tokens=length,
            past=width - length,
            inverted=known_meaning(hint) == "padding" or hint.added,
            carrier=None if carrier is None else carrier.spec.name,
        )
        found.append((side, mask))
    pads = source.pads if isinstance(source, ColumnSource) else {}
    for side, carrier in tokens.items():
        name = carrier.spec.name
        if name in pads and name in feeds and side not in dict(found):
            found.append(
                (side, TokenMask(name, feeds[name].shape[1], pad=pads[name], carrier=name))
            )
    return tuple(mask for _side, mask in sorted(found, key=lambda f: f[0] != "target"))
