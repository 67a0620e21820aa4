"""What ``check`` is given, as records: a signature read or made, a baseline, and influences."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from onnx_affscore.api import signature as scored
from onnx_affscore.audit.check import Baseline
from onnx_affscore.comparison import Influences
from onnx_affscore.errors import OptionError
from onnx_affscore.leaving import TemporaryFolder
from onnx_affscore.measure import Progress
from onnx_affscore.records import Signature
from onnx_affscore.report.influence import load_influence
from onnx_affscore.report.signature_json import load

__all__ = ["baseline_of", "is_signature", "refuse_to_overwrite", "subject"]


def is_signature(path: str) -> bool:
    """Whether a file is a saved signature, by its suffix or its first character."""
    if Path(path).suffix == ".json":
        return True
    with Path(path).open("rb") as file:
        return file.read(64).lstrip().startswith(b"{")


def refuse_to_overwrite(path: str | None) -> None:
    """Keep a policy that someone may have worked on; raises :class:`OptionError`."""
    if path is not None and Path(path).is_file():
        raise OptionError(f"--write-policy {path}: the file is there already; delete it first")


def subject(
    path: str,
    data: Sequence[str],
    *,
    influence: str | None = None,
    paired: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> tuple[Signature, Influences | None]:
    """Read a signature, or score a model; with the influences of its samples where ``paired``.

    ``influence`` is the sidecar of a saved signature; those of a model are made. ``options`` are
    those of :func:`onnx_affscore.api.signature`, for a model. Raises :class:`OptionError` where
    data are given for a signature, or a sidecar for a model.
    """
    if is_signature(path):
        if data:
            raise OptionError(f"{path} is a signature, made on its own data; leave out --data")
        return load(path), None if influence is None else load_influence(influence)
    if influence is not None:
        raise OptionError(f"{path} is a model, whose influences are made; leave out --influence")
    if not paired:
        return scored(path, data or None, progress=progress, **options), None
    with TemporaryFolder() as folder:
        sidecar = folder / "influence.npz"
        made = scored(path, data or None, progress=progress, influence=sidecar, **options)
        return made, load_influence(sidecar)


def baseline_of(path: str, own: Influences | None, influence: str | None) -> Baseline:
    """Read a baseline; ``own`` are the influences of what is checked, ``influence`` its sidecar."""
    theirs = None if influence is None else load_influence(influence)
    return Baseline(load(path), path, (own, theirs))
