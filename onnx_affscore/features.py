"""The features behind a signature, to be written to a file: which sites, which rows of the data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np
import numpy.typing as npt

from onnx_affscore.records import Labels, PairedSample, Signature

__all__ = ["Features", "SaveFeatures"]


@final
@dataclass(frozen=True, slots=True)
class Features:
    """The features of all sites that have a table, each of them read when it is asked for.

    ``rows`` says which row of the data each sample is, ``labels`` which class each row of the data
    has; None where that is not known. ``samples_of`` says which sample each row of a site is of,
    counted from 0, None where nobody knows.
    """

    signature: Signature
    names: tuple[str, ...]
    read: Callable[[str], PairedSample]
    samples_of: Callable[[str], npt.NDArray[np.intp] | None]
    rows: npt.NDArray[np.int64] | None
    labels: Labels | None


SaveFeatures: TypeAlias = Callable[[Features], None]
"""Takes the features once the signature is there."""
