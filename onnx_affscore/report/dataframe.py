"""A signature as a pandas DataFrame; needs the extra ``pandas``."""

from typing import TYPE_CHECKING

from onnx_affscore.errors import MissingExtraError
from onnx_affscore.records import Signature
from onnx_affscore.report.table_csv import header, rows

if TYPE_CHECKING:
    import pandas

__all__ = ["to_dataframe"]


def to_dataframe(signature: Signature) -> "pandas.DataFrame":
    """Return one row per site in execution order; the columns are those of the CSV file.

    Raises :class:`MissingExtraError` where pandas is not installed.
    """
    try:
        import pandas
    except ImportError as exc:
        raise MissingExtraError("pandas", extra="pandas", purpose="to_dataframe") from exc
    return pandas.DataFrame(rows(signature), columns=header(signature))
