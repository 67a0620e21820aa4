"""Tables of text: what is found out about a file, what every cell becomes, which rows are bad."""

import csv
import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.data import open_source
from onnx_affscore.errors import DataError, OptionError, UnreadableRowsError
from onnx_affscore.feeding import Feeding
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import Array, InputHint
from tests.data.samples import hint, read, read_all
from tests.data.text_files import said

WIDE = hint("x", ("n", "d"), "float64")
IRIS = "a,b,kind,c\n1,2,red,3\n4,5,blue,6\n7,8,red,9\n"


def opened(
    folder: Path, content: str | bytes, *hints: InputHint, name: str = "t.csv", **told: object
) -> DataSource:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_source(str(path), hints or [WIDE], feeding=Feeding(**told))  # type: ignore[arg-type]


def rows(folder: Path, content: str | bytes, **more: str) -> list[list[float]]:
    found: list[list[float]] = read(opened(folder, content, **more)).tolist()
    return found


@given(
    table=st.integers(2, 4).flatmap(
        lambda width: st.lists(
            st.lists(
                st.one_of(
                    st.floats(allow_nan=False, allow_infinity=False),
                    st.integers(-(2**40), 2**40).map(float),
                ),
                min_size=width,
                max_size=width,
            ),
            min_size=1,
            max_size=9,
        )
    ),
    style=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    header=st.booleans(),
)
def test_what_the_csv_module_writes_is_read_bit_by_bit(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[list[float]],
    style: int,
    delimiter: str,
    end: str,
    header: bool,
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=style, delimiter=delimiter, lineterminator=end)  # type: ignore[arg-type]
    if header:
        writer.writerow([f"c{i}" for i in range(len(table[0]))])
    writer.writerows(table)
    found = read(opened(tmp_path_factory.mktemp("csv"), text.getvalue()))
    np.testing.assert_array_equal(found, table)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "a,b\n1,2\n3,4\n"),
        ("t.CSV", "1,2\n3,4"),
        ("t.csv", "\n\na;b\n\n1;2\n3;4\n\n"),
        ("t.csv", b"\xef\xbb\xbf1,2\r\n3,4\r\n"),
        ("t.csv", "a,b\n1,2\n3,4\n".encode("utf-16")),
        ("t.csv", '"a\nof two lines","b, ""quoted"""\n"1",2\n3,"4"\n'),
        ("t.tsv", "a, b\tc\n1\t2\n3\t4\n"),
        # mtime: the bytes are the test's name, and workers must agree on names.
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n3,4\n", mtime=0)),
        ("t.tsv.gz", gzip.compress(b"1\t2\n3\t4\n", mtime=0)),
        ("t.TSV", "1\t2\tp, q, r\n3\t4\tp, q, r\n"),
        ("t.Tsv.GZ", gzip.compress(b"1\t2\tp, q, r\n3\t4\tp, q, r\n", mtime=0)),
        ("t.tsv.CSV", "a\tb,c\td\n1,2\n3,4\n"),
        ("t.csv", "a|b\n1|2\n3|4\n"),
        ("t.csv", ",0,1\n5,1,2\n6,3,4\n"),
        ("t.csv", ",a,b\n0,1,2\n1,3,4\n"),
    ],
)
def test_every_way_to_write_a_table_is_read(tmp_path: Path, name: str, content: str) -> None:
    assert rows(tmp_path, content, name=name) == [[1, 2], [3, 4]]


def test_columns_that_are_counted_are_names(tmp_path: Path) -> None:
    assert rows(tmp_path, "0,1,2\n5,6,7\n") == [[5, 6, 7]]
    assert rows(tmp_path, "0,1\n5,6\n") == [[0, 1], [5, 6]]


def test_the_same_rows_come_however_they_are_asked_for(tmp_path: Path) -> None:
    text = "a,b\n" + "".join(f'{i},"{i}\n"\n' if i % 7 == 3 else f"{i},{-i}\n" for i in range(99))
    source = opened(tmp_path, text, columns="a")
    whole = [[i] for i in range(99)]
    assert [read(source, size).tolist() for size in (1, 7, 200)] == [whole] * 3
    drawn = open_source(tmp_path / "t.csv", [WIDE], samples=20, feeding=Feeding(columns="a"))
    picked = [int(r) for b in drawn.batches(6) if b.rows is not None for r in b.rows]
    assert read(drawn).ravel().tolist() == picked
    assert len(picked) == 20


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({}, [1, 2, 3]),
        ({"label": "kind"}, [1, 2, 3]),
        ({"label": "b"}, [1, 3]),
        ({"columns": "c,a"}, [3, 1]),
        ({"columns": "4, 1-2"}, [3, 1, 2]),
        ({"columns": '"a"'}, [1]),
    ],
)
def test_columns_are_all_numbers_or_those_that_are_named(
    tmp_path: Path, said: dict[str, str], wanted: list[float]
) -> None:
    assert rows(tmp_path, IRIS, **said)[0] == wanted


def test_a_name_with_a_line_break_stands_between_quotation_marks(tmp_path: Path) -> None:
    text = '"a\nb",c\n1,2\n'
    assert rows(tmp_path, text, columns='"a\nb"') == [[1]]
    with pytest.raises(OptionError, match=r"--columns: found 'a\\nb', .*in quotation marks"):
        rows(tmp_path, text, columns="a\nb")


def test_what_was_found_out_is_said(tmp_path: Path) -> None:
    notes = [n.removeprefix(str(tmp_path / "t.csv")) for n in opened(tmp_path, IRIS).notes]
    assert notes == [
        ": its first row names the columns",
        ": columns a, b, c for 'x'",
        ": not used: kind",
    ]
    assert "no row names the columns; they are called 1 to 2" in opened(tmp_path, "1,2\n").notes[0]
    indexed = opened(tmp_path, ",a\n1,5\n2,6\n")
    assert "taken to number the rows" in indexed.notes[1]


def test_labels_are_classes_in_the_order_of_their_values(tmp_path: Path) -> None:
    labels = opened(tmp_path, IRIS, label="kind").labels
    assert labels is not None
    assert labels.names == ("blue", "red")
    assert labels.codes.tolist() == [1, 0, 1]
    numbers = opened(tmp_path, "1,10\n2,9\n3,10\n", label="2").labels
    assert numbers is not None
    assert numbers.names == ("9", "10")
    assert numbers.codes.tolist() == [1, 0, 1]


def test_inputs_named_like_columns_take_these(tmp_path: Path) -> None:
    hints = [
        hint("kind", ("n", 1), "string"),
        hint("age", ("n", 1), "int64"),
        hint("fare", ("n", 1)),
        hint("alone", ("n",), "bool"),
    ]
    text = "fare,age,kind,alone,left\n1.5,30,a,true,x\n2.5,9007199254740993,b,False,y\n"
    found = read_all(opened(tmp_path, text, *hints), 2)
    assert found["kind"].tolist() == [["a"], ["b"]]
    assert found["age"].tolist() == [[30], [9007199254740993]]
    assert found["fare"].dtype == np.float32
    assert found["alone"].tolist() == [True, False]


def test_a_row_takes_the_shape_of_the_input(tmp_path: Path) -> None:
    image = hint("image", ("n", 1, 2, 3))
    source = opened(tmp_path, ",".join(map(str, range(3, 9))) + "\n", image)
    assert read(source).tolist() == [[[[3, 4, 5], [6, 7, 8]]]]
    last = hint("x", (3, "n"))
    turned = open_source(write(tmp_path, "1,2,5\n3,4,6\n"), [InputHint(last.spec, sample_axis=1)])
    (batch,) = turned.batches(2)
    assert batch.feeds["x"].tolist() == [[1, 3], [2, 4], [5, 6]]


def write(folder: Path, text: str) -> Path:
    path = folder / "t.csv"
    path.write_text(text)
    return path


BAD = {
    3: "'a' has no value ('')",
    4: "'b' has no value ('NaN')",
    5: "'a' has 'oops'; the model wants a number",
    6: "found 3 columns, where the table has 2",
    7: "found 1 columns, where the table has 2",
    8: "'b' has 'inf'; the model wants a number",
    9: "'a' has '1_0'; the model wants a number",
}
_BAD_LINES = "a,b\n1,2\n,3\n4,NaN\noops,5\n1,2,3\n7\n8,inf\n1_0,9\n3,4\n"


def test_bad_cells_are_rows_that_can_be_left_out(tmp_path: Path) -> None:
    source = opened(tmp_path, _BAD_LINES, on_error="skip")
    assert read(source).tolist() == [[1, 2], [3, 4]]
    where = str(tmp_path / "t.csv")
    assert source.skipped.keys() == {line - 2 for line in BAD}
    for line, reason in BAD.items():
        assert source.skipped[line - 2] == f"{where}, line {line}: " + (
            reason if reason.startswith("found") else f"column {reason}"
        )


def test_a_bad_cell_stops_the_run_with_its_line(tmp_path: Path) -> None:
    text = 'a,b\n"1\n",2\n\n3,x\n' + "5,6\n" * 5
    with pytest.raises(UnreadableRowsError, match=r"t.csv, line 5: column 'b' has 'x'; .*skip"):
        rows(tmp_path, text)


def test_integers_are_not_rounded_into_place(tmp_path: Path) -> None:
    ids = hint("ids", ("n", 2), "int64")
    assert read(opened(tmp_path, "1,2.0\n3e2,4\n", ids)).tolist() == [[1, 2], [300, 4]]
    with pytest.raises(UnreadableRowsError, match=r"column '2' has '2\.5'; .*a whole number"):
        read(opened(tmp_path, "1,2.5\n3,4\n", ids))


def test_integers_of_more_than_64_bits_are_bad_rows(tmp_path: Path) -> None:
    ids = hint("ids", ("n", 1), "int64")
    edges = [-(2**63), 2**63 - 1, 2**53 + 1, 10**18]
    fit = [str(n) for n in edges] + ["9007199254740993.0", "1e18", "0" * 5000 + str(2**53 + 1)]
    bad = [str(2**63), str(-(2**63) - 1), "9" * 20, "1e20", "9007199254740993.5", "9" * 300]
    source = opened(tmp_path, "\n".join([*fit, *bad]) + "\n", ids, on_error="skip")
    assert read(source).ravel().tolist() == [*edges, 2**53 + 1, 10**18, 2**53 + 1]
    assert source.skipped == {
        len(fit) + i: f"{tmp_path / 't.csv'}, line {len(fit) + i + 1}: column '1' has '{text}'; the"
        " model wants a whole number of 64 bits"
        for i, text in enumerate(bad)
    }


@pytest.mark.parametrize(
    ("content", "hints", "said", "message"),
    [
        ("", [], {}, "found an empty file"),
        ("\n\n", [], {}, "found no row"),
        ("a,b\n", [], {}, "found no row of data"),
        ('a,b\n1,"2\n', [], {}, "opened and never closed"),
        (IRIS, [hint("x", ("n", 2))], {}, r"found 3 columns \(a, b, c\), but input 'x' wants 2"),
        (IRIS, [], {"columns": "a,d"}, "--columns names 'd', but the columns are a, b, kind, c"),
        (IRIS, [], {"columns": "2-9"}, "found --columns 2-9, but the columns are 1 to 4"),
        (IRIS, [], {"columns": ","}, "names no column"),
        (IRIS, [], {"label": "knid"}, "did you mean 'kind'"),
        (IRIS, [], {"label": "a", "columns": "a"}, "both of --label and --columns"),
        ("a,a\n1,2\n", [], {"columns": "a"}, "2 columns are called 'a'.*numbers: 1, 2"),
        ("a,b\nx,y\n", [], {}, r"found no column of numbers.*a \(text\), b \(text\)"),
        (IRIS, [hint("a", ("n", 1)), hint("q", ("n", 1))], {}, "for a, but none called q"),
        (IRIS, [hint("p", ("n", 1)), hint("q", ("n", 1))], {}, "2 inputs.*called like one"),
        (IRIS, [hint("x", ("n", 3), "complex64")], {}, "wants complex64"),
        (IRIS, [hint("rate", (), axis=None)], {}, "counts samples"),
    ],
)
def test_a_refusal_says_what_was_found(
    tmp_path: Path, content: str, hints: list[InputHint], said: dict[str, str], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        opened(tmp_path, content, *hints, **said)


def test_a_missing_file_and_a_damaged_archive_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found no such file"):
        open_source(str(tmp_path / "no.csv"), [WIDE])
    with pytest.raises(DataError, match=r"cannot be read .*save it again"):
        opened(tmp_path, gzip.compress(b"1,2\n" * 99)[:-20], name="t.csv.gz")


def test_text_of_another_encoding_is_a_bad_row(tmp_path: Path) -> None:
    name = hint("name", ("n", 1), "string")
    with pytest.raises(UnreadableRowsError, match="line 2: column 'name' holds bytes that are no"):
        read(opened(tmp_path, "name\nJosé\n".encode("latin-1"), name))


def test_columns_are_for_tables(images: Array) -> None:
    image = hint("image", ("n", 1, 4, 4))
    with pytest.raises(DataError, match="--columns is for tables, and arrays is none"):
        open_source(images, [image], feeding=Feeding(columns="a"))


def test_a_column_of_text_goes_through_a_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('text,gold\n"a b, c",no\nb a,yes\nc,no,no\n')
    (tmp_path / "t.jsonl").write_text('{"text": "a b, c"}\n{"text": "b a"}\n')
    hints = [hint(name, ("n", 5), "int64") for name in ("input_ids", "attention_mask")]
    feeding = said(tmp_path, label="gold", on_error="skip")
    source = open_source(str(tmp_path / "t.csv"), hints, feeding=feeding)
    wanted = open_source(str(tmp_path / "t.jsonl"), hints, feeding=said(tmp_path))
    found, clean = read_all(source), read_all(wanted)
    for name in found:
        np.testing.assert_array_equal(found[name], clean[name])
    assert list(source.skipped) == [2]
    assert source.skipped[2].startswith(f"{tmp_path / 't.csv'}, line 4: ")
    assert source.labels is not None
    assert source.labels.names == ("no", "yes")
    other = said(tmp_path, text_field="body")
    with pytest.raises(DataError, match="--text-field names 'body', but the columns of text are"):
        open_source(str(tmp_path / "t.csv"), hints, feeding=other)


def test_a_first_row_that_is_no_row_of_a_table_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"0" * 200_000)
    with pytest.raises(DataError, match="line 1: found no row of a table, or a cell of more than"):
        open_source(path, [hint("x", ("n", 2))])
