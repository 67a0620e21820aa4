"""The tokenizer of a model, from tokenizer.json and the files that lie beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from onnx_affscore.errors import DataError, MissingExtraError
from onnx_affscore.given_json import parsed
from onnx_affscore.records import Array

__all__ = ["Encoded", "Tokenizer"]

_FILE = "tokenizer.json"
# Names by which vocabularies call them, where no file beside them says so.
_PAD = ("[PAD]", "<pad>", "<|pad|>", "<|padding|>", "<PAD>")
_END = ("</s>", "<|endoftext|>", "[SEP]", "<eos>", "<|end_of_text|>", "<sep>")
_START = ("<s>", "[CLS]", "<bos>", "<|begin_of_text|>")
# transformers writes 1e30 for "no limit"
_LARGEST_LIMIT = 2**20


@dataclass(frozen=True, slots=True)
class Encoded:
    """The ids of a text, which text of a pair each is of, and whether some were cut off."""

    ids: Array
    types: Array
    cut: bool


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """Turns text into ids: ``pad`` stands where there is none, on the ``left`` or behind.

    ``end`` separates texts, a decoder begins with ``start``; None where the vocabulary has no such
    token. ``limit`` is the greatest number of tokens that the files name.
    """

    name: str
    pad: int | None
    left: bool
    end: int | None
    start: int | None
    limit: int | None
    _inner: Any

    @classmethod
    def load(cls, path: str) -> "Tokenizer":
        """Read tokenizer.json, or the one in a folder.

        Raises
        ------
        MissingExtraError
            The package ``tokenizers`` is not installed.
        DataError
            There is no such file, or it is no tokenizer.
        """
        file = Path(path) / _FILE if Path(path).is_dir() else Path(path)
        if not file.is_file():
            raise DataError(f"--tokenizer {path}: found no {file.name} there; give {_FILE}")
        try:
            import tokenizers
        except ImportError as exc:
            raise MissingExtraError("tokenizers", extra="text", purpose="reading text") from exc
        try:
            inner = tokenizers.Tokenizer.from_file(str(file))
        except Exception as exc:
            raise DataError(
                f"--tokenizer {path}: found no tokenizer in it ({exc}); give the {_FILE} of the"
                " model, as save_pretrained() writes it"
            ) from exc
        said = _beside(file)
        cut, padding = inner.truncation, inner.padding
        inner.no_truncation()
        inner.no_padding()
        pad = _id(inner, said, ("pad_token",), _PAD)
        side = said.get("padding_side") or (padding or {}).get("direction", "right")
        limit = (cut or {}).get("max_length") or said.get("model_max_length")
        start = said.get("decoder_start_token_id")
        return cls(
            name=str(file),
            pad=(padding or {}).get("pad_id") if pad is None else pad,
            left=str(side).lower() == "left",
            end=_id(inner, said, ("eos_token", "sep_token"), _END),
            start=start if isinstance(start, int) else _id(inner, said, ("bos_token",), _START),
            limit=int(limit) if limit and limit <= _LARGEST_LIMIT else None,
            _inner=inner,
        )

    def encode(
        self,
        text: str,
        pair: str | None = None,
        *,
        length: int | None = None,
        specials: bool = True,
    ) -> Encoded:
        """Return the ids of a text or a pair, at most ``length`` of them."""
        if length is None:
            self._inner.no_truncation()
        elif (self._inner.truncation or {}).get("max_length") != length:
            self._inner.enable_truncation(length)
        try:
            found = self._inner.encode(text, pair, add_special_tokens=specials)
        except Exception as exc:
            raise DataError(f"{self.name} cannot encode it ({exc})") from exc
        if length is not None and len(found.ids) > length:
            raise DataError(
                f"{length} tokens leave no room for text beside the special ones of {self.name};"
                " give a greater --max-length"
            )
        return Encoded(
            np.array(found.ids, np.int64),
            np.array(found.type_ids, np.int64),
            bool(found.overflowing),
        )


def _beside(file: Path) -> dict[str, Any]:
    """What the files beside a tokenizer say; the more special one counts."""
    said: dict[str, Any] = {}
    for name in (
        "config.json",
        "generation_config.json",
        "special_tokens_map.json",
        "tokenizer_config.json",
    ):
        path = file.parent / name
        if path.is_file() and path != file:
            try:
                found = parsed(path.read_text("utf-8"))
            except (OSError, ValueError) as exc:
                raise DataError(
                    f"{path}: cannot be read as JSON ({exc}); mend or remove it"
                ) from exc
            if isinstance(found, dict):
                said |= {key: value for key, value in found.items() if value is not None}
    return said


def _id(
    inner: Any, said: Mapping[str, Any], keys: tuple[str, ...], usual: tuple[str, ...]
) -> int | None:
    """The id of a special token, by what the files say or by its usual names."""
    for key in keys:
        token = said.get(key)
        text = token.get("content") if isinstance(token, dict) else token
        if isinstance(text, str) and (found := inner.token_to_id(text)) is not None:
            return int(found)
    known = (inner.token_to_id(text) for text in usual)
    return next((int(found) for found in known if found is not None), None)
