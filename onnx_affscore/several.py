"""Several models on the same data, one after the other; one that fails leaves the others alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, final

from onnx_affscore import api
from onnx_affscore.data.sharing import SharedData
from onnx_affscore.data.source import Data
from onnx_affscore.errors import AffscoreError, ModelsFailedError, OptionError, OutputError
from onnx_affscore.measure import Progress
from onnx_affscore.records import Signature

__all__ = [
    "MODEL_FIELD",
    "Outcome",
    "each_signature",
    "files_of",
    "filled",
    "model_names",
    "signatures",
]

MODEL_FIELD: Final = "{model}"
"""Stands for the name of a model in the name of a file."""

Bars: TypeAlias = Callable[[str], AbstractContextManager[Progress | None]]


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one model: its signature, or the error that it ended with.

    Both where the signature is there and a file besides cannot be written.
    """

    name: str
    signature: Signature | None
    error: Exception | None = None

    @property
    def told(self) -> str:
        """The error in words; a bug by its type too."""
        known = isinstance(self.error, AffscoreError)
        return str(self.error) if known else f"{type(self.error).__name__}: {self.error}"


def model_names(models: Sequence[str | Path]) -> list[str]:
    """Return a name for each model, that of its file; a number tells equal ones apart.

    Raises :class:`OptionError` where one model is given twice.
    """
    places = [Path(model).resolve() for model in models]
    twice = next((m for m, p in zip(models, places, strict=True) if places.count(p) > 1), None)
    if twice is not None:
        raise OptionError(f"found the model {twice} twice; give it once")
    names: list[str] = []
    for place in places:
        number, name = 1, place.stem
        while name in names:
            number += 1
            name = f"{place.stem}-{number}"
        names.append(name)
    return names


def filled(path: str, name: str, *, option: str, several: bool) -> str:
    """Put a model's name into the name of a file.

    Raises :class:`OptionError` where several models would write one file.
    """
    if several and MODEL_FIELD not in path:
        raise OptionError(
            f"{option} {path}: found several models for one file; put {MODEL_FIELD} into its name,"
            " or write all of them with --output-dir"
        )
    return path.replace(MODEL_FIELD, name)


def files_of(
    models: Sequence[str | Path], files: Mapping[str, str | None]
) -> dict[str, dict[str, str | None]]:
    """Return what each model is to write, by its name, from what the options say for all."""

    def own(name: str) -> dict[str, str | None]:
        several = len(models) > 1
        return {
            kind: path and filled(path, name, option=f"--{kind}", several=several)
            for kind, path in files.items()
        }

    return {name: own(name) for name in model_names(models)}


def each_signature(
    models: Sequence[str | Path],
    data: Data = None,
    *,
    progress: Bars | None = None,
    **options: Any,
) -> Iterator[Outcome]:
    """Score one model after the other and yield what came of each.

    Data are opened and read once, see :mod:`onnx_affscore.data.sharing`. ``progress`` is called
    with the name of a model and returns a context with its progress function. ``options`` are those
    of :func:`onnx_affscore.signature`; in names of files ``{model}`` is the model's name, and each
    has a folder of that name in that of ``resume``.
    """
    names, several = model_names(models), len(models) > 1
    shared = SharedData() if several else None
    chosen = [_own(options, name, several=several) for name in names]
    for model, name, own in zip(models, names, chosen, strict=True):
        try:
            with nullcontext() if progress is None else progress(name) as bar:
                found = api.signature(model, data, progress=bar, shared=shared, **own)
        except OutputError as exc:
            yield Outcome(name, exc.signature, exc)
        except Exception as exc:  # noqa: BLE001 - the other models' work is not lost to it
            yield Outcome(name, None, exc)
        else:
            yield Outcome(name, found)


def _own(options: Mapping[str, Any], name: str, *, several: bool) -> dict[str, Any]:
    """Return the options of one model."""
    own = dict(options)
    for key in ("influence", "save_features"):
        if own.get(key) is not None:
            option = f"--{key.replace('_', '-')}"
            own[key] = filled(str(own[key]), name, option=option, several=several)
    if several and own.get("resume"):  # an empty one is refused later on
        own["resume"] = Path(own["resume"]) / name
    return own


def signatures(models: Sequence[str | Path], data: Data = None, **options: Any) -> list[Signature]:
    """Return the signatures of several models on the same data, which are read once.

    Parameters
    ----------
    models
        Paths of the ONNX files.
    data
        As of :func:`onnx_affscore.signature`.
    **options
        As of :func:`onnx_affscore.signature`; with ``{model}`` in names of files to write.

    Raises
    ------
    ModelsFailedError
        Some model failed, once all are done; the error has the signatures of the others.
    OptionError
        A model is given twice, or several would write one file.
    """
    outcomes = list(each_signature(models, data, **options))
    done = {o.name: o.signature for o in outcomes if o.signature is not None}
    failed = {o.name: o.error for o in outcomes if o.error is not None}
    if failed:
        raise ModelsFailedError(
            f"{len(failed)} of {len(outcomes)} models failed:"
            f" {'; '.join(f'{name}: {error}' for name, error in failed.items())}",
            done=done,
            failed=failed,
        )
    return list(done.values())
