"""Files that cannot be written are refused before the long work."""

import pytest

from onnx_affscore.errors import OptionError
from onnx_affscore.report.planning import planned_files

FIGURES = ("heat_map", "curves")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"heat_map": "x.bmp"}, "--heat-map x.bmp: found the suffix '.bmp'; wanted one of .png"),
        ({"curves": "-"}, "--curves -: found the suffix ''"),
        ({"csv": "no folder/x.csv"}, "the folder no folder does not exist"),
        ({"json": "-", "csv": "-"}, "found two files for stdout"),
        ({"json": "x", "csv": "./x"}, "--json x: found another file for the same path"),
    ],
)
def test_files_that_cannot_be_are_refused_before_the_work(
    files: dict[str, str | None], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        planned_files(files, figures=FIGURES)
    assert planned_files({"json": None, "csv": "x.csv"}, figures=FIGURES) == [("csv", "x.csv")]
