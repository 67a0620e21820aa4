"""JSON lines give texts, pairs, targets and labels by the names of their fields."""

import json
from pathlib import Path
from typing import Any

import pytest

from onnx_affscore.data.source import open_source
from onnx_affscore.data.texts import Text, json_texts
from onnx_affscore.errors import DataError
from onnx_affscore.feeding import Feeding
from tests.data.samples import hint
from tests.data.text_files import said


def rows(path: Path, *lines: Any, **said: Any) -> list[Text]:
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    texts = json_texts(path, Feeding(**said))
    return [texts.read(i) for i in range(texts.count)]


def test_fields_are_found_by_name_and_by_path(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    line = {"text": "a", "q": "b", "translation": {"de": "c"}, "a.b": "d"}
    assert rows(path, line) == [Text("a")]
    assert rows(path, line, pair_field="q") == [Text("a", "b")]
    assert rows(path, line, target_field="translation.de") == [Text("a", None, "c")]
    assert rows(path, line, text_field="a.b") == [Text("d")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"x\.jsonl, line 2: found no JSON \(Expecting property name"),
        ("[1]", "line 2: found list; wanted a JSON object with fields"),
        ('{"txt": "b"}', "line 2: found no field 'text', the fields are 'txt'; .*--text-field"),
        ('{"text": 3}', "line 2: found int in 'text'; wanted text"),
        ("[" * 100_000, "line 2: found no JSON .it is nested too deeply"),
    ],
)
def test_a_line_that_is_no_row_is_told_by_its_number(
    line: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.jsonl"
    with pytest.raises(DataError, match=message):
        rows(path, {"text": "a"}, line)
    texts = json_texts(path, Feeding())
    assert texts.read(0) == Text("a")


def test_labels_are_a_field_and_a_row_without_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = [{"text": "a", "kind": 1}, {"text": "b"}, {"text": "c", "kind": 0}]
    with pytest.raises(DataError, match=r"line 2: found no field 'kind'.*--label"):
        rows(path, *lines, label="kind")
    labels = json_texts(path, Feeding(label="kind")).labels
    assert labels is not None
    assert [labels.names[code] for code in labels.codes] == ["1", "", "0"]


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("t.jsonl", {"text_unit": "paragraph"}, "--text-unit is for files of text alone"),
        ("t.txt", {"text_field": "body"}, "--text-field is for JSON lines and columns of text"),
        ("t.txt", {"pair_field": "body"}, "--pair-field is for JSON lines and columns of text"),
        ("t.jsonl", {"target_field": "text"}, "for a model with an input for targets"),
    ],
)
def test_what_names_no_text_of_the_data_is_refused(
    name: str, more: dict[str, Any], message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text('{"text": "a b"}\n')
    hints = [hint(n, ("n", "t"), "int64") for n in ("input_ids", "attention_mask")]
    with pytest.raises(DataError, match=rf"{message}.* is none; leave it out"):
        open_source(str(tmp_path / name), hints, feeding=said(tmp_path, **more))


def test_text_that_is_fed_as_it_is_has_no_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a b\n")
    words = hint("words", ("n",), "string")
    with pytest.raises(DataError, match="--tokenizer is for text that is fed as token ids"):
        open_source(str(tmp_path / "t.txt"), [words], feeding=said(tmp_path))
