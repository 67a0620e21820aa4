"""The records of what a model is fed: its inputs as the graph states them, batches, labels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Batch", "InputHint", "Labels", "RowNumbers", "TensorSpec"]

Array: TypeAlias = npt.NDArray[Any]
RowNumbers: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, element type (NumPy's name, or ``string``) and shape of a tensor.

    A dimension is a number, a symbolic name, or None where nothing is known; ``shape`` is None
    where even the rank is unknown.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


@dataclass(frozen=True, slots=True)
class InputHint:
    """What the graph tells of one model input beyond its type.

    ``sample_axis``: the axis that counts samples, None where the input has none (a scalar such as
    a sampling rate: every batch gets the same value). ``below``: an integer input indexes a table
    of so many rows. ``optional``: an initialiser gives it a default. ``table``: the rows of a table
    that a larger index overruns (one-hot codes do not mind). ``added``: numbers that are added to
    scores, as masks are whose 0 means "look here". ``places``: the tokens for which the graph has
    a table of places that it counts itself.
    """

    spec: TensorSpec
    sample_axis: int | None = 0
    below: int | None = None
    optional: bool = False
    table: int | None = None
    added: bool = False
    places: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """One feed of a model: an array per input, and the number of samples that it holds.

    ``given`` are the numbers as the user gave them, of those inputs where the model's type is
    another. ``rows`` says which row of the data each sample is, None where nobody counted.
    ``stop`` is the ``start`` with which a source yields what follows.
    """

    feeds: Mapping[str, Array]
    size: int
    given: Mapping[str, Array] = field(default_factory=dict)
    rows: RowNumbers | None = None
    stop: int = 0


@dataclass(frozen=True, slots=True)
class Labels:
    """The class of every row of the data: ``codes[i]`` is the place of its name in ``names``."""

    names: tuple[str, ...]
    codes: RowNumbers

    @classmethod
    def of(cls, values: object) -> "Labels":
        """Take one value per row; the names are the values as text, numbers in their order.

        Examples
        --------
        >>> Labels.of([10, 9, 10]).names
        ('9', '10')
        """
        found, codes = np.unique(np.asarray(values).reshape(-1), return_inverse=True)
        return cls(tuple(str(v) for v in found.tolist()), codes.astype(np.int64))
