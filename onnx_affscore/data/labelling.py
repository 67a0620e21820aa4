"""Labels as users give them: one for each row of the data, or a refusal that says what is there."""

import numpy as np

from onnx_affscore.errors import DataError
from onnx_affscore.records import Labels

__all__ = ["check_count", "given_labels"]


def given_labels(values: object, *, where: str) -> Labels:
    """Take one value a row; axes of length 1 are passed over.

    Raises
    ------
    DataError
        A row has several values, or they are none that can be told apart and sorted.

    Examples
    --------
    >>> given_labels([["b"], ["a"]], where="y").codes.tolist()
    [1, 0]
    """
    try:
        array = np.asarray(values)
        if array.squeeze().ndim <= 1:
            return Labels.of(array)
    except (TypeError, ValueError, RuntimeError) as exc:
        raise DataError(
            f"{where}: found {type(values).__name__} of which no classes can be made ({exc}); give"
            " one number or text a row"
        ) from exc
    raise DataError(
        f"{where}: found labels of shape {array.shape}, wanted one label a row; of one-hot codes"
        " give the argmax of each row"
    )


def check_count(labels: Labels | None, rows: int, *, where: str, least: bool = False) -> None:
    """Raise :class:`DataError` where there are labels, and not one for each of ``rows`` rows.

    ``least``: there may be more, for rows that nobody has read yet.
    """
    found = rows if labels is None else len(labels.codes)
    if found < rows or (found > rows and not least):
        raise DataError(
            f"{where}: found {found} label(s), wanted one for each of {rows} row(s)"
            f"{' or more' if least else ''}; give as many labels as rows"
        )
