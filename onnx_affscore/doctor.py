"""Examine the installation: versions, execution providers that really start, clashing packages."""

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any, final

__all__ = ["Examination", "examine"]

# Distributions that all install into the folder `onnxruntime` and overwrite each other's files.
_RUNTIMES = (
    "onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino",
    "onnxruntime-qnn", "onnxruntime-silicon",
)  # fmt: skip
_NEEDED = ("onnx", "numpy", "scipy", "click", "ml_dtypes")
# The distribution that each extra is about.
_EXTRAS = {
    "matplotlib": "plot",
    "pandas": "pandas",
    "distributed": "cluster",
    "safetensors": "features",
    "Pillow": "images",
    "pyarrow": "parquet",
    "mlflow-skinny": "mlflow",
    "tokenizers": "text",
}


@final
@dataclass(frozen=True, slots=True)
class Examination:
    """Facts by name, and what is wrong, each problem with its cure."""

    facts: Mapping[str, str]
    providers: tuple[str, ...]
    started: tuple[str, ...]
    problems: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "facts": dict(self.facts),
            "providers": {"built": list(self.providers), "started": list(self.started)},
            "problems": list(self.problems),
        }


def examine() -> Examination:
    """Look at the installed packages and start a session on every device they promise."""
    problems: list[str] = []
    runtimes = {n: v for n in _RUNTIMES if (v := _version(n)) is not None}
    facts = {
        "onnx-affscore": _version("onnx-affscore") or "not installed (running from a checkout)",
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "runtime package": ", ".join(f"{n} {v}" for n, v in runtimes.items()) or "none",
    }
    for name in _NEEDED:
        facts[name] = _version(name) or "missing"
    for name, extra in _EXTRAS.items():
        facts[name] = _version(name) or f"not installed (pip install 'onnx-affscore[{extra}]')"
    if len(runtimes) > 1:
        problems.append(
            f"{' and '.join(runtimes)} are both installed and overwrite each other's files:"
            f" pip uninstall -y {' '.join(runtimes)}, then install the one you want"
        )
    facts["plug-ins"] = ", ".join(_plugins(problems)) or "none"
    built, failures = _providers(problems)
    started = (*(("cpu",) if built else ()), *(n for n, why in failures.items() if why is None))
    facts["providers built in"] = ", ".join(built) or "none"
    facts["providers that start"] = ", ".join(started) or "none"
    facts |= {f"{name} does not start": why for name, why in failures.items() if why is not None}
    return Examination(facts, built, started, tuple(problems))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _plugins(problems: list[str]) -> list[str]:
    """What other packages add, each with its package; those that cannot be used are problems."""
    from onnx_affscore import plugins

    try:
        from onnx_affscore.data import SOURCES
        from onnx_affscore.data.opening import SourceKind
        from onnx_affscore.report import added_formats
        from onnx_affscore.score.table import added_metrics
    except ImportError as exc:
        problems.append(f"the package's own tables cannot be imported ({exc}): install it again")
        return []
    builtin = {kind.name for kind in SOURCES}
    added: dict[str, plugins.Plugins[Any]] = {
        "source": plugins.load(plugins.SOURCES, SourceKind, builtin=builtin),
        "metric": added_metrics(),
        "format": added_formats(),
    }
    problems += [problem for found in added.values() for problem in found.problems.values()]
    return [
        f"{kind} {name} of {found.packages[name]}"
        for kind, found in added.items()
        for name in found.rows
    ]


def _providers(problems: list[str]) -> tuple[tuple[str, ...], Mapping[str, str | None]]:
    try:
        from onnx_affscore.run.starting import available_providers, provider_failures
    except ImportError as exc:
        problems.append(f"ONNX Runtime cannot be imported ({exc}): install onnxruntime again")
        return (), {}
    return available_providers(), provider_failures()
