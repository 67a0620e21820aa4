"""A function in a Python file as data: it is called for every pass, and its own errors are told."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from inspect import signature
from pathlib import Path
from traceback import extract_tb
from typing import Any, final

import numpy as np

from onnx_affscore.data.arrays import the_input
from onnx_affscore.data.labelling import check_count, given_labels
from onnx_affscore.data.opening import Feeds, Request
from onnx_affscore.data.stream import one_feed
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, InputHint, Labels

__all__ = ["is_function", "open_function"]

_SPEC = re.compile(r"(?P<file>.+\.py):(?P<name>[^\W\d]\w*)", re.DOTALL)


def is_function(text: str) -> bool:
    """Whether a specification has the form FILE.py:NAME."""
    return _SPEC.fullmatch(text) is not None


def open_function(request: Request) -> Feeds:
    """Run the file, and take what the function yields as feeds.

    The function gets no argument, or the hints of the model's inputs where it takes one. Each item
    is a mapping of input names to arrays, or an array for a single input. What an item has under
    the name of ``--label`` are the classes of its rows.

    Raises
    ------
    DataError
        The file has no such function, or its code fails.
    """
    found = _SPEC.fullmatch(request.text)
    if found is None:
        raise DataError(f"{request.text}: wanted FILE.py:NAME")
    file = Path(found["file"])
    function = _loaded(file, found["name"])
    label = request.feeding.label
    if label in {h.spec.name for h in request.model}:
        label = None
    calls = _Calls(function, file, request, label)
    return Feeds(calls, None if label is None else calls.labels())


@final
@dataclass(frozen=True, slots=True)
class _Calls:
    """The feeds of a function; each reading calls it anew."""

    function: Callable[..., object]
    file: Path
    request: Request
    label: str | None

    def __iter__(self) -> Iterator[Mapping[str, Array]]:
        for item in self._items():
            yield self._fed(item)

    def labels(self) -> Labels:
        """The classes of all rows that are used, for which the function is called once more."""
        parts: list[Array] = []
        seen, most = 0, self.request.samples
        for number, item in enumerate(self._items()):
            if self.label is None or self.label not in item:
                raise DataError(
                    f"{self.request.text}, feed {number}: found {', '.join(map(repr, item))}, and"
                    f" no '{self.label}' as --label says; yield it beside the inputs"
                )
            where = f"{self.request.text}, feed {number}"
            rows = one_feed(self._fed(item), self.request.model, where=where).count
            where += f", '{self.label}'"
            check_count(given_labels(item[self.label], where=where), rows, where=where)
            parts.append(np.asarray(item[self.label]).reshape(-1))
            seen += rows
            if most is not None and seen >= most:  # what follows may have no end
                break
        return Labels.of(np.concatenate(parts)[:most] if parts else [])

    def _fed(self, item: Mapping[str, Array]) -> Mapping[str, Array]:
        return {name: array for name, array in item.items() if name != self.label}

    def _items(self) -> Iterator[Mapping[str, Any]]:
        hints = self.request.model
        with _told(self.file):
            made = self.function(hints) if _takes_one(self.function) else self.function()
        if not isinstance(made, Iterable) or isinstance(made, (str, Mapping)):
            raise DataError(
                f"{self.request.text}: it returned {type(made).__name__}; yield feeds, or return a"
                " list of them"
            )
        items = iter(made)
        while True:
            with _told(self.file):
                try:
                    item = next(items)
                except StopIteration:
                    return
            if isinstance(item, Mapping):
                yield item
            else:
                yield {self._only(hints).spec.name: item}

    def _only(self, hints: tuple[InputHint, ...]) -> InputHint:
        return the_input(hints, where=self.request.text)


def _loaded(file: Path, name: str) -> Callable[..., object]:
    """Run the file as a module, with its folder to import from, and return its function."""
    if not file.is_file():
        raise DataError(f"{file}: found no such file; check the path")
    spec = spec_from_file_location(f"onnx_affscore_data_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise DataError(f"{file}: cannot be loaded as a module; give a .py file")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles look their module up there
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    with _told(file):
        spec.loader.exec_module(module)
    function: Any = getattr(module, name, None)
    if not callable(function):
        have = sorted(
            n for n, v in vars(module).items() if callable(v) and v.__module__ == spec.name
        )
        raise DataError(f"{file}: found no function '{name}'; it has {', '.join(have) or 'none'}")
    found: Callable[..., object] = function
    return found


def _takes_one(function: Callable[..., object]) -> bool:
    """Whether a function has an argument that must be given."""
    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):  # of some functions in C nothing is known
        return False
    return any(
        p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        for p in parameters
    )


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Turn what the user's code raises into DataError: what, and at which line of the file."""
    try:
        yield
    except (StopIteration, MemoryError):
        raise
    except (Exception, SystemExit) as exc:  # other people's code raises anything
        raise DataError(f"{_place(exc, file)}: {type(exc).__name__}: {exc}") from exc


def _place(exc: BaseException, file: Path) -> str:
    if isinstance(exc, SyntaxError) and exc.filename:
        return f"{exc.filename}, line {exc.lineno}"
    frames = extract_tb(exc.__traceback__)
    own = [f for f in frames if Path(f.filename).resolve() == file.resolve()]
    return f"{file}, line {own[-1].lineno}, in {own[-1].name}" if own else str(file)
