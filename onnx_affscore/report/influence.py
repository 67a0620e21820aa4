"""The sidecar of a signature: what every sample contributes to every score, as a .npz file."""

import io
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np

from onnx_affscore.errors import DataError, OptionError
from onnx_affscore.records import FloatArray, Signature
from onnx_affscore.report.files import write
from onnx_affscore.report.planning import planned_files

__all__ = ["InfluenceFile", "check_influence_path", "load_influence", "write_influence"]

SUFFIX: Final = ".npz"
MODEL, DATA, SITE = "model_sha256", "data_sha256", "site:"
"""Keys of the file: the two digests of the signature, and one array for each site's name."""


@final
@dataclass(frozen=True, slots=True)
class InfluenceFile:
    r"""Influences ψ of the samples on the scores of one signature, by site name.

    ``values`` are (samples,) each, of mean zero, in units of the score: its standard error is
    :math:`\sqrt{\sum_i \psi_i^2 / (n (n - 1))}`, and that of the difference of two scores of the
    same samples the same of the difference of their influences.
    """

    model_sha256: str
    data_sha256: str
    values: Mapping[str, FloatArray]


def check_influence_path(path: str | os.PathLike[str]) -> None:
    """Refuse a path that cannot become the sidecar, before the long work."""
    suffix = Path(path).suffix
    if suffix != SUFFIX:
        raise OptionError(f"--influence {path}: found the suffix {suffix!r}; wanted {SUFFIX}")
    planned_files({"influence": os.fspath(path)}, figures=())


def write_influence(
    path: str | os.PathLike[str], signature: Signature, values: Mapping[str, FloatArray]
) -> None:
    """Write the influences of a signature's sites."""
    arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = {
        MODEL: np.array(signature.model.sha256),
        DATA: np.array(str(signature.data["sha256"])),
        **{SITE + name: value for name, value in values.items()},
    }
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    write(path, stream.getvalue())


def load_influence(path: str | os.PathLike[str]) -> InfluenceFile:
    """Read a sidecar; raises :class:`DataError` where the file is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except OSError as exc:
        raise DataError(f"cannot read the influences {path}: {exc.strerror or exc}") from exc
    except (ValueError, zipfile.BadZipFile, AttributeError, TypeError) as exc:
        raise _refusal(path, str(exc) or "it is no .npz file") from exc
    digests = [found.pop(key, None) for key in (MODEL, DATA)]
    if any(digest is None for digest in digests):
        raise _refusal(path, f"it lacks {MODEL} or {DATA}")
    for name, value in found.items():
        if not name.startswith(SITE) or value.ndim != 1 or not np.isfinite(value).all():
            raise _refusal(path, f"{name!r} is no site's list of numbers")
    values = {name.removeprefix(SITE): value.astype(np.float64) for name, value in found.items()}
    return InfluenceFile(str(digests[0]), str(digests[1]), values)


def _refusal(path: str | os.PathLike[str], found: str) -> DataError:
    return DataError(
        f"{path} holds no influences: {found}; wanted is what 'onnx-affscore score --influence'"
        " writes"
    )
