"""The records of models/manifest.toml and of its series, and the only code that writes them."""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["MODELS", "Data", "Entry", "Site", "TextEntry", "Tokens", "record_model", "record_table"]

MODELS = Path(__file__).parents[2] / "models"
MANIFEST = "manifest.toml"
HEAD = "# Written by tools/zoo; do not edit. Sites are derived from the architectures.\n"


@dataclass(frozen=True, slots=True)
class Site:
    """One activation a correct analysis reports: its family, its role, its width.

    ``features`` is None where the width is that of the input, as of attention over its tokens.
    """

    activation: str
    role: str
    features: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one model file; ``accuracy`` is measured on the test part."""

    file: str
    framework: str
    framework_version: str
    exporter: str
    exporter_version: str
    opset: int
    script: str
    seed: int
    accuracy: float
    input: str
    output: str
    licence: str
    expected_sites: tuple[Site, ...]


@dataclass(frozen=True, slots=True)
class TextEntry:
    """What is known of one model of text; figures are measured on the held-out sentences.

    ``accuracy`` and ``perplexity`` are of ``task``, ``unigram_*`` what the best guess without
    context reaches.
    """

    file: str
    framework: str
    framework_version: str
    exporter: str
    exporter_version: str
    opset: int
    script: str
    seed: int
    task: str
    accuracy: float
    unigram_accuracy: float
    perplexity: float
    unigram_perplexity: float
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    licence: str
    expected_sites: tuple[Site, ...]


@dataclass(frozen=True, slots=True)
class Tokens:
    """What is known of a tokenizer file; ``longest``: tokens after which it cuts."""

    file: str
    licence: str
    script: str
    entries: int
    longest: int
    training_sha256: str


@dataclass(frozen=True, slots=True)
class Data:
    """What is known of the data file."""

    file: str
    licence: str
    origin: str
    seed: int | None = None


def record_table(name: str, entry: Data | Tokens, *, folder: Path = MODELS) -> None:
    """Put what is known of a file that is no model into its folder's manifest."""
    _write(folder, {**_read(folder), name: _hashed(folder, asdict(entry))})


def record_model(name: str, entry: Entry | TextEntry, *, folder: Path = MODELS) -> None:
    """Put one model into its folder's manifest, in place of what it held under that name."""
    manifest = _read(folder)
    models = {**manifest.get("models", {}), name: _hashed(folder, asdict(entry))}
    _write(folder, {**manifest, "models": models})


def _hashed(folder: Path, table: dict[str, Any]) -> dict[str, Any]:
    digest = hashlib.sha256((folder / table["file"]).read_bytes()).hexdigest()
    return {"file": table.pop("file"), "sha256": digest, **table}


def _read(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    return tomllib.loads(file.read_text("utf-8")) if file.exists() else {}


def _write(folder: Path, manifest: Mapping[str, Any]) -> None:
    models = manifest.get("models", {})
    tables = [_table(name, table) for name, table in manifest.items() if name != "models"]
    tables += [_table(f"models.{name}", models[name]) for name in sorted(models)]
    (folder / MANIFEST).write_text("\n".join([HEAD, *tables]), "utf-8")


def _table(name: str, values: Mapping[str, Any]) -> str:
    lines = [f"{key} = {_value(value)}" for key, value in _known(values).items()]
    return "\n".join([f"[{name}]", *lines, ""])


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}  # TOML has no null


def _value(value: object) -> str:
    match value:
        case str() | int() | float():
            return json.dumps(value, ensure_ascii=False)  # these three are spelt alike in TOML
        case Mapping():
            return "{" + ", ".join(f"{key} = {_value(v)}" for key, v in _known(value).items()) + "}"
        case Sequence():
            return "[\n" + "".join(f"  {_value(item)},\n" for item in value) + "]"
        case _:
            raise TypeError(f"found a {type(value).__name__}, wanted a string, number or table")
