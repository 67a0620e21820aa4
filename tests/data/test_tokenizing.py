"""A tokenizer brings its special tokens along, by its own files or by their usual names."""

import sys
from pathlib import Path
from typing import Any

import pytest

from onnx_affscore.data.tokenizing import Tokenizer
from onnx_affscore.errors import DataError, MissingExtraError

from .text_files import CLS, PAD, SEP, ids_of, tokenizer_json

DEEP = "[" * 200_000


def test_a_file_and_its_folder_are_one_tokenizer(tmp_path: Path) -> None:
    path = tokenizer_json(tmp_path)
    for given in (path, tmp_path):
        found = Tokenizer.load(str(given))
        assert (found.name, found.pad, found.end, found.start) == (str(path), PAD, SEP, CLS)
        assert found.encode("a b x").ids.tolist() == ids_of("a b x")
        assert (found.left, found.limit) == (False, None)


@pytest.mark.parametrize(
    ("beside", "field", "value"),
    [
        ({"tokenizer_config": {"padding_side": "left"}}, "left", True),
        ({"tokenizer_config": {"model_max_length": 77}}, "limit", 77),
        ({"tokenizer_config": {"model_max_length": 1e30}}, "limit", None),
        ({"tokenizer_config": {"pad_token": "a"}}, "pad", 4),
        ({"special_tokens_map": {"eos_token": {"content": "b"}}}, "end", 5),
        ({"config": {"decoder_start_token_id": 6}}, "start", 6),
        ({"tokenizer_config": {"bos_token": "c"}}, "start", 6),
    ],
)
def test_the_files_beside_it_are_heard(
    beside: dict[str, Any], field: str, value: object, tmp_path: Path
) -> None:
    assert getattr(Tokenizer.load(str(tokenizer_json(tmp_path, **beside))), field) == value


def test_a_pair_has_types_and_what_is_too_long_is_cut(tmp_path: Path) -> None:
    found = Tokenizer.load(str(tokenizer_json(tmp_path)))
    pair = found.encode("a b", "c")
    assert pair.ids.tolist() == [CLS, 4, 5, SEP, 6, SEP]
    assert pair.types.tolist() == [0, 0, 0, 0, 1, 1]
    assert not pair.cut
    cut = found.encode("a b c d", length=4)
    assert (cut.ids.tolist(), cut.cut) == ([CLS, 4, 5, SEP], True)
    assert found.encode("a b", length=4).cut is False
    assert found.encode("a b c d e", specials=False).ids.tolist() == [4, 5, 6, 7, 8]


def test_too_little_room_for_the_special_tokens_is_told(tmp_path: Path) -> None:
    found = Tokenizer.load(str(tokenizer_json(tmp_path)))
    with pytest.raises(DataError, match="1 tokens leave no room for text beside"):
        found.encode("a b c", length=1)


def test_what_is_no_tokenizer_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"found no tokenizer\.json there"):
        Tokenizer.load(str(tmp_path))
    (tmp_path / "tokenizer.json").write_text('{"version": 1')
    with pytest.raises(DataError, match=r"found no tokenizer in it .*save_pretrained"):
        Tokenizer.load(str(tmp_path))
    tokenizer_json(tmp_path)
    for content in ("{", DEEP):
        (tmp_path / "tokenizer_config.json").write_text(content)
        with pytest.raises(DataError, match=r"tokenizer_config\.json: cannot be read as JSON"):
            Tokenizer.load(str(tmp_path))
    (tmp_path / "tokenizer.json").write_text(DEEP)
    with pytest.raises(DataError, match=r"found no tokenizer in it"):
        Tokenizer.load(str(tmp_path))


def test_without_the_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tokenizer_json(tmp_path)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtraError, match=r"onnx-affscore\[text\]"):
        Tokenizer.load(str(path))
