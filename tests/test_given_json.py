"""JSON of other people: every fault is a ValueError, and every file is read by the one function."""

from pathlib import Path

import pytest

import onnx_affscore
from onnx_affscore.given_json import parsed

PACKAGE = Path(onnx_affscore.__file__).parent
# The schema and what a run says of itself are our own, a journal is checked by its sums, and a
# signature has rules beside.
_OTHERS = {
    *("given_json.py", "report/schema.py", "report/signature_json.py"),
    *("resume/folder.py", "resume/journal.py"),
}


def test_what_is_json_comes_back() -> None:
    assert parsed('{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
    assert parsed(b"[" * 50 + b"]" * 50)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 200_000 + "]" * 200_000, "nested too deeply"),
        ('{"a":' * 200_000 + "1" + "}" * 200_000, "nested too deeply"),
        ("9" * 100_000, "digits"),
        ("", "Expecting value"),
        (b"\xff", "codec|decode"),
    ],
    ids=["lists", "objects", "number", "nothing", "no text"],
)
def test_every_fault_is_a_value_error(text: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parsed(text)


def test_no_other_place_parses_json() -> None:
    found = {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if "json.load" in file.read_text("utf-8")
    }
    assert found == _OTHERS
