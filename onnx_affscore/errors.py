"""Every exception of the package, and the exit code each one means on the command line.

::

    AffscoreError                     3   could not analyse
    ├── ModelError          (ValueError)   unreadable, unsupported or unsafe model file
    ├── DataError           (ValueError)   data that is unreadable or does not fit the model
    │   └── UnreadableRowsError            single rows of them that can be left out
    ├── RunError          (RuntimeError)   ONNX Runtime refused or failed
    │   ├── ProviderError                  the device asked for cannot be had
    │   └── AllocationError                memory ran out, on the CPU or on a device
    ├── PluginError       (RuntimeError)   what another package adds cannot be used
    ├── ClusterError      (RuntimeError)   no scheduler, no worker, or one that cannot work
    ├── StorageError        (OSError)      features cannot be kept: disk full, limit too low
    ├── OutputError         (OSError)      a file of a result cannot be written
    ├── OptionError         (ValueError)   2   a value that no option takes
    ├── NothingToScoreError (ValueError)   4   no activation site, or none selected
    ├── DegenerateScoreError(ValueError)   a score of a constant input or output: 0/0
    ├── ModelsFailedError                  some of several models failed
    ├── MissingExtraError (ImportError)    an optional dependency is not installed
    └── InternalError     (RuntimeError)   a bug of this package, never the user's fault

A message says what was found, what was wanted, where, and what to do.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

__all__ = [
    "AffscoreError",
    "AllocationError",
    "ClusterError",
    "DataError",
    "DegenerateScoreError",
    "InternalError",
    "MissingExtraError",
    "ModelError",
    "ModelsFailedError",
    "NothingToScoreError",
    "OptionError",
    "OutputError",
    "PluginError",
    "ProviderError",
    "RunError",
    "StorageError",
    "UnreadableRowsError",
]


class AffscoreError(Exception):
    """Base of all errors that this package raises on purpose."""

    exit_code: ClassVar[int] = 3


class ModelError(AffscoreError, ValueError):
    """The model file cannot be read, is not ONNX, or reaches outside its own folder."""


class DataError(AffscoreError, ValueError):
    """The data cannot be read, or its names, types or shapes do not fit the model's inputs."""


class UnreadableRowsError(DataError):
    """Rows of the data that cannot be read, each with its reason; the others can."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        self.reasons = dict(reasons)
        first = next(iter(self.reasons.values()))
        more = f" (and {len(reasons) - 1} more of this batch)" if len(reasons) > 1 else ""
        super().__init__(f"{first}{more}; mend it, or leave such rows out with --on-error skip")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the call that made it: an exception may come from another process."""
        return UnreadableRowsError, (self.reasons,)


class RunError(AffscoreError, RuntimeError):
    """ONNX Runtime refused the model or failed while running it."""


class ProviderError(RunError):
    """The execution provider asked for is missing, broken, or did not take the graph."""


class AllocationError(RunError):
    """Memory ran out while a model was loaded or run; a smaller batch may fit."""


class StorageError(AffscoreError, OSError):
    """Features do not fit where they are kept: the disk is full, or the memory limit too low."""


class ClusterError(AffscoreError, RuntimeError):
    """The scheduler does not answer, no worker is left, or the workers cannot do the work."""


class PluginError(AffscoreError, RuntimeError):
    """What another installed package adds cannot be imported, is of another kind, or fails."""


class OptionError(AffscoreError, ValueError):
    """An option has a value that is not one of those it takes."""

    exit_code: ClassVar[int] = 2


class NothingToScoreError(AffscoreError, ValueError):
    """The model has no activation site, or the selection leaves none."""

    exit_code: ClassVar[int] = 4


class DegenerateScoreError(AffscoreError, ValueError):
    """The affinity score is 0/0: one side is constant up to the rounding of the data."""


class MissingExtraError(AffscoreError, ImportError):
    """An optional dependency is needed and not installed; the message says which extra."""

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        self._made = partial(MissingExtraError, package, extra=extra, purpose=purpose)
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed; "
            f"install it with: pip install 'onnx-affscore[{extra}]'"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the call that made it: an exception may come from another process."""
        return self._made, ()


class ModelsFailedError(AffscoreError):
    """Some of several models failed; ``done`` and ``failed`` have what came of each, by name."""

    def __init__(
        self,
        message: str,
        *,
        done: Mapping[str, Any] | None = None,
        failed: Mapping[str, Exception] | None = None,
    ) -> None:
        super().__init__(message)
        self.done, self.failed = dict(done or {}), dict(failed or {})


class OutputError(AffscoreError, OSError):
    """A file of a result cannot be written; ``signature`` is the result, which is not lost."""

    def __init__(self, message: str, *, signature: Any = None) -> None:
        super().__init__(message)
        self.signature = signature


class InternalError(AffscoreError, RuntimeError):
    """An invariant of this package does not hold: a bug, please report it."""
