"""What a record says of its run besides figures of it: options, versions, machine; and back."""

import hashlib
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final

from onnx_affscore import __version__, plugins
from onnx_affscore.errors import OptionError
from onnx_affscore.feeding import Feeding
from onnx_affscore.options import Options
from onnx_affscore.records import Role
from onnx_affscore.selection import Selection
from onnx_affscore.threads import cores

__all__ = [
    "data_specs",
    "digest",
    "left_out",
    "machine",
    "measured_options",
    "options_of",
    "package_versions",
    "recorded_options",
]

# Options that the record keeps as they were given. Device, batch size and threads are there as
# they came to be; a cluster and the influences leave the scores as they are.
_KEPT: Final = (
    "samples", "seed", "pool", "feature_axis", "covariance", "metrics", "sparsity", "verify",
    "batches", "details", "custom_operators", "memory_limit", "jobs", "operators", "probes",
    "composition", "composition_from", "by", "provider", "provider_options",
)  # fmt: skip
# Rows that a record lists one by one: all that a person looks into, and no file of megabytes.
_LISTED: Final = 1000
# Of these, what scoring alone looks at: the features are the same without.
_SCORING: Final = ("covariance", "metrics", "batches", "details", "jobs", "by")
_CPUINFO = Path("/proc/cpuinfo")


def recorded_options(options: Options) -> dict[str, Any]:
    """Return the options as plain data, those of selection and feeding among them."""
    kept = {name: getattr(options, name) for name in _KEPT}
    kept |= asdict(options.selection) | asdict(options.feeding)
    return {name: list(v) if isinstance(v, tuple) else v for name, v in kept.items()}


def measured_options(options: Options) -> dict[str, Any]:
    """Return, as plain data, the options as asked for that features hang on."""
    asked = {name: getattr(options, name) for name in ("batch_size", "threads", "device")}
    recorded = recorded_options(options)
    return (
        {n: v for n, v in recorded.items() if n not in _SCORING}
        | asked
        | {"on a cluster": options.cluster is not None}
    )


def options_of(run: Mapping[str, Any], *, device: str | None = None) -> Options:
    """Return the options that give the run of a record once more, on its device or another.

    What an older record does not know has its default. Raises :class:`OptionError` where the
    record holds what no option takes.
    """
    try:
        kept = {name: _tuple(run[name]) for name in _KEPT if name in run}
        if device is not None:
            kept |= {"provider": None, "provider_options": ()}
        roles = run.get("roles")
        return Options(
            **kept,
            feeding=Feeding.taken(dict(run)),
            selection=Selection(
                roles=None if roles is None else tuple(Role(role) for role in roles),
                include=run.get("include"),
                exclude=run.get("exclude"),
            ),
            batch_size=run.get("batch_size"),
            threads=run.get("threads", 0),
            device=device or ("auto" if kept.get("provider") else run["device"]),
        )
    except (TypeError, ValueError, KeyError) as exc:
        raise OptionError(
            f"the record's run has an option that cannot be used again ({exc}); score anew"
        ) from exc


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def data_specs(data: object) -> list[str] | None:
    """Return the specifications that ``--data`` takes again, None where the data were no files.

    Empty where values were made up because no data were given.
    """
    if data is None:
        return []
    if isinstance(data, (str, PathLike)):
        return [fspath(data)]
    if isinstance(data, Sequence) and all(isinstance(part, str) for part in data):
        return list(data)
    return None


def digest(path: str) -> str | None:
    """Return the SHA-256 of a file; None where it cannot be read, which its user tells better."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def left_out(read: Mapping[int, str], run: Mapping[int, str]) -> dict[str, Any]:
    """Return how many rows could not be read or run, and the first of them with their reasons."""
    rows = sorted({**run, **read}.items())
    listed = [{"row": row, "reason": reason} for row, reason in rows[:_LISTED]]
    return {"count": len(rows), "rows": listed}


def package_versions() -> dict[str, str]:
    """Return the versions of this package, of Python, of SciPy, and of packages with plug-ins."""
    return {
        **plugins.versions(),
        "onnx-affscore": __version__,
        "python": sys.version.split()[0],
        "scipy": metadata.version("scipy"),
    }


def machine() -> dict[str, str | int]:
    """Return what results hang on by rounding: system, architecture, processor, cores in use.

    Nothing that tells one machine from another of its kind.
    """
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": cores(),
    }


def _processor() -> str:
    """The processor's name; Linux does not give it to Python."""
    try:
        lines = _CPUINFO.read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
