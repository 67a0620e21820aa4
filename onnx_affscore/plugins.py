"""What other installed packages add: data sources, metrics and report formats, by entry points."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, Final, Generic, TypeVar

from onnx_affscore.errors import PluginError

__all__ = ["FORMATS", "METRICS", "SOURCES", "Plugins", "forget", "load", "versions"]

T = TypeVar("T")

SOURCES: Final = "onnx_affscore.sources"
METRICS: Final = "onnx_affscore.metrics"
FORMATS: Final = "onnx_affscore.formats"

_loaded: "dict[str, Plugins[Any]]" = {}


@dataclass(frozen=True, slots=True)
class Plugins(Generic[T]):
    """The rows that packages add to a table, by name, and why others cannot be used.

    ``packages`` says by name who adds it: package and version.
    """

    rows: Mapping[str, T]
    problems: Mapping[str, str]
    packages: Mapping[str, str] = field(default_factory=dict)

    def refuse(self, name: str) -> None:
        """Raise PluginError where ``name`` is one that cannot be used."""
        if name in self.problems:
            raise PluginError(self.problems[name])


def load(
    group: str,
    kind: type[T],
    *,
    builtin: Collection[str],
    guard: Callable[[str, T], T] | None = None,
) -> Plugins[T]:
    """Import what packages add to a table whose rows are of a kind; once in a process.

    A name of the table itself is never replaced. ``guard(who, row)`` returns the row to use.
    """
    if group not in _loaded:
        rows: dict[str, T] = {}
        problems: dict[str, str] = {}
        packages: dict[str, str] = {}
        for entry in _entries(group):
            who = f"the plug-in '{entry.name}' of {_package(entry)}"
            reason = (
                f"'{entry.name}' is a name of onnx-affscore itself"
                if entry.name in builtin
                else f"{packages[entry.name]} has the same name"
                if entry.name in packages
                else None
            )
            row = None
            if reason is None:
                packages[entry.name] = _package(entry)
                row, reason = _row(entry, kind)
            if row is None:
                problems[entry.name] = (
                    f"{who} cannot be used: {reason}; mend it, or uninstall the package"
                )
            else:
                rows[entry.name] = row if guard is None else guard(who, row)
        _loaded[group] = Plugins(rows, problems, packages)
    return _loaded[group]


def versions() -> dict[str, str]:
    """The version of every package that adds data sources or metrics, on which scores may hang."""
    entries = [*_entries(SOURCES), *_entries(METRICS)]
    return {e.dist.name: e.dist.version for e in entries if e.dist is not None}


def forget() -> None:
    """Look for plug-ins anew, where packages were installed meanwhile."""
    _loaded.clear()


def _entries(group: str) -> list[metadata.EntryPoint]:
    """The entries of a group, in an order that no file system decides."""
    return sorted(metadata.entry_points(group=group), key=lambda e: (e.name, _package(e)))


def _package(entry: metadata.EntryPoint) -> str:
    return "an unknown package" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"


def _row(entry: metadata.EntryPoint, kind: type[T]) -> tuple[T | None, str | None]:
    try:
        row = entry.load()
    except Exception as exc:  # noqa: BLE001 - importing other people's code raises anything
        return None, f"{type(exc).__name__}: {exc}"
    if isinstance(row, kind):
        return row, None
    return None, f"found {type(row).__name__} at {entry.value}, wanted {kind.__name__}"
