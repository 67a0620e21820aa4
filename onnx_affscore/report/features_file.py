"""Features of every scored site as a file, .npz or .safetensors, and read from it again.

Members have plain names (``site0003.x``); ``about``, JSON, says which site each is of, and what
is known of the rounding of its numbers, so that a score from the file has the same bits.
"""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from onnx_affscore.errors import DataError, OptionError
from onnx_affscore.features import Features
from onnx_affscore.given_json import parsed
from onnx_affscore.records import Array, FeatureSample, Labels, PairedSample
from onnx_affscore.report.array_files import KINDS, ArrayFile
from onnx_affscore.report.files import replacing
from onnx_affscore.report.names import printable
from onnx_affscore.report.planning import planned_files

__all__ = ["FeatureFile", "check_features_path", "load_features", "save_features"]

FORMAT: Final = "onnx-affscore features"
VERSION: Final = 1
ROWS, CLASSES, IN_ORDER = "rows", "classes", "in order"
_KNOWN = ("precision", "rms", "sparsity", "saturated")


def check_features_path(path: str | os.PathLike[str]) -> None:
    """Refuse a path that cannot become such a file, before the long work.

    Raises :class:`MissingExtraError` where the package that its suffix needs is not installed.
    """
    suffix = Path(path).suffix
    if suffix not in KINDS:
        raise OptionError(
            f"--save-features {path}: found the suffix {suffix!r}; wanted {' or '.join(KINDS)}"
        )
    planned_files({"save_features": os.fspath(path)}, figures=())
    KINDS[suffix].check()


def save_features(path: str | os.PathLike[str], features: Features) -> None:
    """Write the features, one table at a time; a reader sees the whole file or none.

    Numbers are kept in single precision where that is what they came in, else in double.
    """
    with replacing(path) as place, KINDS[Path(path).suffix].create(place) as file:
        sites = [
            _add(file, f"site{number:04}", name, features)
            for number, name in enumerate(features.names)
        ]
        rows, labels = features.rows, features.labels
        if rows is not None:
            file.add(ROWS, rows)
            if labels is not None:
                file.add(CLASSES, labels.codes[rows])
        signature = features.signature
        about = {
            "format": FORMAT,
            "version": VERSION,
            "model_sha256": signature.model.sha256,
            "data_sha256": signature.data["sha256"],
            "pool": signature.run["pool"],
            "classes": None if rows is None or labels is None else list(labels.names),
            "sites": sites,
        }
        file.finish(json.dumps(about, allow_nan=False))


def _add(file: ArrayFile, member: str, name: str, features: Features) -> dict[str, Any]:
    """Add one site, and return what ``about`` says of it."""
    pair = features.read(name)
    for side, sample in (("x", pair.x), ("y", pair.y)):
        file.add(f"{member}.{side}", _narrow(sample.features))
    owners = features.samples_of(name)
    samples = None if owners is None else IN_ORDER
    if owners is not None and not np.array_equal(owners, np.arange(len(owners))):
        samples = f"{member}.samples"
        file.add(samples, owners.astype(np.int64))
    return {
        "name": name,
        "member": member,
        "samples": samples,
        "x": _rounding(pair.x),
        "y": _rounding(pair.y),
    }


def _narrow(table: Array) -> Array:
    """The same numbers in single precision, where it has them all."""
    with np.errstate(over="ignore", under="ignore"):
        single = table.astype(np.float32)
    return single if np.array_equal(single, table, equal_nan=True) else table


def _rounding(sample: FeatureSample) -> dict[str, float | None]:
    """What is known of a side besides its rows; null is not known, or out of range."""
    known = {name: getattr(sample, name) for name in _KNOWN}
    return {k: v if v is not None and math.isfinite(v) else None for k, v in known.items()}


@final
@dataclass(frozen=True, slots=True)
class FeatureFile:
    """An open file of features; tables are read when they are asked for.

    ``names`` are the sites in execution order. ``rows`` and ``labels`` are by sample: the number
    of its row in the data, and its class; None where that was not known.
    """

    names: tuple[str, ...]
    model_sha256: str
    data_sha256: str | None
    pool: str
    rows: Array | None
    labels: Labels | None
    _path: str
    _sites: Mapping[str, Mapping[str, Any]]
    _member: Any

    def read(self, name: str) -> PairedSample:
        """Return the features before and after one activation.

        :func:`onnx_affscore.score.score_sample` scores them as the signature did.
        """
        if name not in self._sites:
            raise DataError(f"{self._path} has no site {printable(name)!r}; see its names")
        told = self._sites[name]
        member, samples = told["member"], self.samples_of(name)
        several = samples is not None and len(np.unique(samples)) < len(samples)
        x, y = (
            FeatureSample(
                self._member(f"{member}.{side}").astype(np.float64),
                **{k: told[side][k] for k in _KNOWN} | {"rms": _number(told[side]["rms"])},
                owners=samples if several else None,
            )
            for side in ("x", "y")
        )
        return PairedSample(x, y)

    def samples_of(self, name: str) -> Array | None:
        """Return the sample that each row of a site is of, None where that was not known."""
        told = self._sites[name]
        if told["samples"] == IN_ORDER:
            return np.arange(len(self._member(f"{told['member']}.x")))
        found: Array | None = None if told["samples"] is None else self._member(told["samples"])
        return found


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def load_features(path: str | os.PathLike[str]) -> FeatureFile:
    """Open a file that :func:`save_features` wrote; raises :class:`DataError` where it is none."""
    kind = KINDS.get(Path(path).suffix)
    if kind is None:
        raise _refusal(path, f"its suffix is none of {', '.join(KINDS)}")
    text, member = kind.open(path)
    try:
        about = parsed(text)
        if (about["format"], about["version"]) != (FORMAT, VERSION):
            raise _refusal(path, f"it is {about['format']} of version {about['version']}")
        classes = about["classes"]
        rows = member(ROWS) if ROWS in member.names else None
        return FeatureFile(
            names=tuple(site["name"] for site in about["sites"]),
            model_sha256=about["model_sha256"],
            data_sha256=about["data_sha256"],
            pool=about["pool"],
            rows=rows,
            labels=None if classes is None else Labels(tuple(classes), member(CLASSES)),
            _path=os.fspath(path),
            _sites={site["name"]: site for site in about["sites"]},
            _member=member,
        )
    except DataError:  # a ValueError that says it already
        raise
    except (KeyError, TypeError, ValueError) as exc:
        raise _refusal(path, f"what it says of itself is incomplete ({exc})") from exc


def _refusal(path: str | os.PathLike[str], found: str) -> DataError:
    return DataError(
        f"{path} holds no features: {found}; wanted is what 'onnx-affscore score --save-features'"
        " writes"
    )
