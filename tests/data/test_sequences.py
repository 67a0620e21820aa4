"""Texts as rows of token ids: padded where the model has a mask, joined to blocks where not."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.data.source import open_source
from onnx_affscore.errors import DataError, UnreadableRowsError
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import InputHint

from .samples import hint, read_all
from .text_files import CLS, PAD, SEP, WORDS, ids_of, said, tokenizer_json

IDS = replace(hint("input_ids", ("n", "t"), "int64"), table=12)
MASK = hint("attention_mask", ("n", "t"), "int64")
TYPES = hint("token_type_ids", ("n", "t"), "int32")
PLACES = hint("position_ids", ("n", "t"), "int64")
TARGET = hint("decoder_input_ids", ("n", "u"), "int64")
TARGET_MASK = hint("decoder_attention_mask", ("n", "u"), "int64")
MASKED = (IDS, MASK)


def opened(
    folder: Path,
    content: str | bytes | Sequence[Any],
    hints: Sequence[InputHint] = MASKED,
    *,
    samples: int | None = None,
    **more: Any,
) -> DataSource:
    """Data of a text file with that content, or of JSON lines."""
    raw = content if isinstance(content, str | bytes) else _json(content)
    path = folder / ("x.txt" if isinstance(content, str | bytes) else "x.jsonl")
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    feeding = said(folder, **more)
    return open_source(str(path), hints, samples=samples, seed=1, feeding=feeding)


def _json(rows: Sequence[Any]) -> str:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)


def test_shorter_texts_are_padded_to_the_longest(tmp_path: Path) -> None:
    source = opened(tmp_path, "a b\nc\n\nd e f g", [IDS, MASK, TYPES, PLACES])
    found = read_all(source)
    assert found["input_ids"].tolist() == [
        [*ids_of("a b"), PAD, PAD],
        [*ids_of("c"), PAD, PAD, PAD],
        ids_of("d e f g"),
    ]
    assert found["attention_mask"].sum(axis=1).tolist() == [4, 3, 6]
    assert found["position_ids"][1].tolist() == [0, 1, 2, 2, 2, 2]
    assert not found["token_type_ids"].any()
    assert not source.synthetic
    notes = [note.replace(str(tmp_path), "D") for note in source.notes]
    assert notes[:2] == [
        "D/x.txt: 1 empty line(s) left out",
        "input_ids: 3 lines as 6 tokens of D/tokenizer.json, shorter ones padded on the right",
    ]


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6), min_size=1, max_size=5))
def test_every_row_is_its_text_where_the_mask_says_so(
    tmp_path_factory: pytest.TempPathFactory, texts: list[list[str]]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "sequences"
    folder.mkdir(exist_ok=True)
    found = read_all(opened(folder, "\n".join(" ".join(words) for words in texts)), size=2)
    for ids, mask, words in zip(found["input_ids"], found["attention_mask"], texts, strict=True):
        assert ids[mask == 1].tolist() == ids_of(" ".join(words))
    assert found["attention_mask"].any(axis=0).all()  # no column of padding alone


def test_padding_goes_where_the_tokenizer_wants_it(tmp_path: Path) -> None:
    tokenizer_json(tmp_path, tokenizer_config={"padding_side": "left"})
    found = read_all(opened(tmp_path, "a\nb c d", [IDS, MASK, PLACES]))
    assert found["input_ids"][0].tolist() == [PAD, PAD, *ids_of("a")]
    assert found["position_ids"].tolist() == [[0, 0, 0, 1, 2], [0, 1, 2, 3, 4]]


def test_only_the_rows_that_are_drawn_count(tmp_path: Path) -> None:
    source = opened(tmp_path, "a b c d e f g h\n" + "a\n" * 9, samples=2)
    assert read_all(source)["input_ids"].shape == (2, 3)


def test_pairs_have_types(tmp_path: Path) -> None:
    rows = [{"text": "a", "other": "b c"}]
    found = read_all(opened(tmp_path, rows, [IDS, MASK, TYPES], pair_field="other"))
    assert found["input_ids"].tolist() == [[CLS, 4, SEP, 5, 6, SEP]]
    assert found["token_type_ids"].tolist() == [[0, 0, 0, 1, 1, 1]]


def test_what_is_cut_off_is_counted(tmp_path: Path) -> None:
    source = opened(tmp_path, "a b c d\na\nb c d e f", max_length=4)
    assert read_all(source)["input_ids"].tolist()[0] == [CLS, 4, 5, SEP]
    assert "input_ids: 2 of 3 cut off at 4 tokens" in source.notes


@pytest.mark.parametrize(
    ("hints", "beside", "length"),
    [
        (MASKED, {}, 128),
        (MASKED, {"tokenizer_config": {"model_max_length": 77}}, 77),
        ((*MASKED, replace(PLACES, table=50)), {}, 50),
        ((replace(IDS, places=60), MASK), {"tokenizer_config": {"model_max_length": 77}}, 60),
        ((hint("input_ids", ("n", 9), "int64"), MASK), {}, 9),
    ],
)
def test_the_longest_row_is_what_the_model_takes(
    hints: Sequence[InputHint], beside: dict[str, Any], length: int, tmp_path: Path
) -> None:
    tokenizer_json(tmp_path, **beside)
    found = read_all(opened(tmp_path, "a " * 200, hints))
    assert found["input_ids"].shape == (1, length)


def test_a_model_of_one_length_is_filled_up_and_never_overrun(tmp_path: Path) -> None:
    fixed = [hint("input_ids", ("n", 7), "int32"), hint("attention_mask", ("n", 7), "int32")]
    found = read_all(opened(tmp_path, "a\nb c", fixed))
    assert (found["input_ids"].shape, found["input_ids"].dtype.name) == ((2, 7), "int32")
    assert found["attention_mask"].sum(axis=1).tolist() == [3, 4]
    with pytest.raises(DataError, match="--max-length 8: input 'input_ids' takes 7 tokens"):
        opened(tmp_path, "a", fixed, max_length=8)
    with pytest.raises(DataError, match="--max-length 61: the model has places for 60 tokens"):
        opened(tmp_path, "a", [replace(IDS, places=60), MASK], max_length=61)


def test_rows_that_cannot_be_read_are_told_or_left_out(tmp_path: Path) -> None:
    rows = ['{"text": "a b"}', "{", '{"text": "  "}', '{"text": "c"}']
    with pytest.raises(UnreadableRowsError, match=r"x\.jsonl, line 2: found no JSON.*--on-error"):
        opened(tmp_path, rows)
    source = opened(tmp_path, rows, bare=True, on_error="skip")
    assert read_all(source)["input_ids"].tolist() == [[4, 5], [6, PAD]]
    assert {row: text.split(": ")[1] for row, text in source.skipped.items()} == {
        1: "found no JSON (Expecting property name enclosed in double quotes",
        2: "found no token in the text",
    }


def test_labels_of_json_lines_are_those_of_the_rows(tmp_path: Path) -> None:
    rows = [{"text": w, "kind": k} for w, k in zip("abcd", "xyxy", strict=True)]
    labels = opened(tmp_path, rows, label="kind").labels
    assert labels is not None
    assert [labels.names[c] for c in labels.codes] == list("xyxy")


def test_ids_of_another_vocabulary_are_refused_with_all_that_tells_it(tmp_path: Path) -> None:
    small = [replace(IDS, table=9), MASK]
    message = r"x\.txt, line 2: found id 11 of .*tokenizer\.json.*'input_ids' has 9 rows"
    for hints in (small, small[:1]):
        with pytest.raises(DataError, match=message):
            opened(tmp_path, "a b\nh f", hints)


def test_without_a_mask_texts_are_joined_to_whole_blocks(tmp_path: Path) -> None:
    source = opened(tmp_path, "a b\nc\nd e f\ng", [IDS], max_length=4)
    stream = [
        i for text in ("a b", "c", "d e f", "g") for i in (*ids_of(text, specials=False), SEP)
    ]
    assert read_all(source, 1)["input_ids"].tolist() == [stream[:4], stream[4:8]]
    assert source.count == 2
    (note,) = source.notes
    assert "no mask for padding, so that 4 lines were joined to 2 blocks of 4 tokens" in note
    assert note.endswith("3 token(s) at the end left out")


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(1, 12))
def test_blocks_hold_the_whole_stream_but_its_end(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], length: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "blocks"
    folder.mkdir(exist_ok=True)
    texts = [" ".join(WORDS[(i + k) % 8] for k in range(n)) for i, n in enumerate(sizes)]
    stream = [i for text in texts for i in (*ids_of(text, specials=False), SEP)]
    found = read_all(opened(folder, "\n".join(texts), [IDS], max_length=length), 2)["input_ids"]
    whole = len(stream) // length
    expected = stream[: whole * length] if whole else stream
    assert found.reshape(-1).tolist() == expected


def test_too_little_text_for_a_block_of_fixed_length_is_told(tmp_path: Path) -> None:
    fixed = [hint("input_ids", ("n", 9), "int64")]
    with pytest.raises(DataError, match="found 3 tokens, but the model takes 9 at a time"):
        opened(tmp_path, "a b", fixed)


def test_a_block_has_no_label(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="joined to blocks of one length, which have no label"):
        opened(tmp_path, [{"text": "a", "kind": 1}], [IDS], label="kind")


def test_texts_that_cannot_be_read_are_missing_in_the_blocks(tmp_path: Path) -> None:
    content = b"a b\n\xff\nc"
    with pytest.raises(UnreadableRowsError, match="line 2: found bytes that are no UTF-8"):
        opened(tmp_path, content, [IDS])
    source = opened(tmp_path, content, [IDS], on_error="skip")
    assert read_all(source)["input_ids"].tolist() == [[4, 5, SEP, 6, SEP]]
    assert "1 lines could not be read: " in source.notes[1]


PAIR = (IDS, MASK, TARGET, TARGET_MASK)


def test_a_decoder_says_the_target_from_its_start_on(tmp_path: Path) -> None:
    rows = [{"text": "a", "de": "c d"}, {"text": "a b c", "de": "e"}]
    found = read_all(opened(tmp_path, rows, PAIR, target_field="de"))
    assert found["input_ids"].tolist() == [[CLS, 4, SEP, PAD, PAD], [CLS, 4, 5, 6, SEP]]
    assert found["decoder_input_ids"].tolist() == [[CLS, CLS, 6, 7], [CLS, CLS, 8, PAD]]
    assert found["attention_mask"].sum(axis=1).tolist() == [3, 5]
    assert found["decoder_attention_mask"].sum(axis=1).tolist() == [4, 3]


def test_without_a_target_a_decoder_says_the_text_again(tmp_path: Path) -> None:
    tokenizer_json(tmp_path, config={"decoder_start_token_id": 11})
    found = read_all(opened(tmp_path, "a b", PAIR))
    assert found["decoder_input_ids"].tolist() == [[11, *found["input_ids"][0, :-1]]]


def test_two_files_can_hold_the_two_texts(tmp_path: Path) -> None:
    (tmp_path / "en.txt").write_text("a\nb c")
    (tmp_path / "de.txt").write_text("d e f\ng")
    specs = [f"input_ids={tmp_path}/en.txt", f"decoder_input_ids={tmp_path}/de.txt"]
    found = read_all(open_source(specs, PAIR, feeding=said(tmp_path)))
    assert found["attention_mask"].sum(axis=1).tolist() == [3, 4]
    assert found["decoder_attention_mask"].sum(axis=1).tolist() == [5, 3]


def test_a_model_with_its_own_tokenizer_gets_the_text(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("a b\nc")
    for shape, rows in ((("n",), ["a b", "c"]), (("n", 1), [["a b"], ["c"]])):
        source = open_source(str(tmp_path / "x.txt"), [hint("text", shape, "string")])
        assert read_all(source)["text"].tolist() == rows


def test_what_text_lacks_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("a")
    text = str(tmp_path / "x.txt")
    with pytest.raises(DataError, match=r"'input_ids' wants token ids; give .* --tokenizer"):
        open_source(text, MASKED)
    with pytest.raises(DataError, match=r"no input for token ids among 'image' \(float32\)"):
        open_source(text, [hint("image", ("n", 3, 4, 4))], feeding=said(tmp_path))
    with pytest.raises(DataError, match="the model also wants 'style'"):
        open_source(text, [*MASKED, hint("style", ("n", 8))], feeding=said(tmp_path))
