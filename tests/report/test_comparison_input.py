"""What a comparison reads: files, folders as families, labels, and tables of accuracies."""

from dataclasses import replace
from pathlib import Path

import pytest

from onnx_affscore.errors import DataError
from onnx_affscore.records import Signature
from onnx_affscore.report.comparison_input import collect, read_accuracies, with_accuracies


@pytest.fixture
def here(tmp_path: Path, signature: Signature, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of families; the current one."""
    monkeypatch.chdir(tmp_path)
    for file in (
        "zoo/old/alexnet.json", "zoo/old/vgg.json", "zoo/new/vit.json", "zoo/mlp.json",
        "runs/seed1/signature.json", "runs/seed2/signature.json", "a/net.json", "b/net.json",
    ):  # fmt: skip
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        signature.to_json(tmp_path / file)
    return tmp_path


@pytest.mark.usefixtures("here")
def test_a_folder_is_a_family_and_so_are_its_folders() -> None:
    found = collect(["zoo", "a/net.json"])
    assert found.labels == ("mlp", "vit", "alexnet", "vgg", "net")
    assert found.families == ("zoo", "new", "old", "old", None)
    assert [Path(file).as_posix() for file in found.files][-1] == "a/net.json"
    assert len(found.signatures) == 5
    assert found.warnings == ()


@pytest.mark.usefixtures("here")
def test_a_plain_file_name_gives_way_to_its_folder() -> None:
    found = collect(["runs"])
    assert found.labels == ("seed1", "seed2")
    assert found.families == ("runs", "runs")


@pytest.mark.usefixtures("here")
def test_equal_names_are_told_apart() -> None:
    assert collect(["a/net.json", "b/net.json"]).labels == ("a/net", "b/net")
    twice = collect(["a/net.json", "a/net.json", "zoo/mlp.json"])
    assert twice.labels == ("a/net", "a/net (2)", "mlp")


def test_what_is_no_signature_is_left_out_of_a_folder_and_refused_alone(here: Path) -> None:
    (here / "zoo" / "policy.json").write_text("{}")
    found = collect(["zoo"])
    assert len(found.labels) == 4
    (warning,) = found.warnings
    assert warning.startswith("left out: ")
    assert "policy.json" in warning
    with pytest.raises(DataError, match=r"policy\.json is not a signature"):
        collect(["zoo/policy.json"])


def test_versions_of_the_method_are_refused_with_the_files_named(
    here: Path, signature: Signature
) -> None:
    replace(signature, method_version="99").to_json(here / "future.json")
    with pytest.raises(DataError, match=r"version 1: a/net\.json; version 99: future\.json"):
        collect(["a/net.json", "future.json"])


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("model,accuracy\na,0.5\nb,1\n", None, {"a": 0.5, "b": 1}),
        ("model,top1\na,99.1%\n\n", None, {"a": 99.1}),
        ("\ufeffmodel, top1 ,top5\r\n a ,1,2\r\n", "top5", {"a": 2}),
        ("model,seed,accuracy\na,7,0.5\n", None, {"a": 0.5}),
    ],
)
def test_accuracies_are_read(
    text: str, column: str | None, expected: dict[str, float], tmp_path: Path
) -> None:
    assert read_accuracies(write(tmp_path / "a.csv", text), column=column) == expected


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", None, "no column 'accuracy' behind the first; found nothing"),
        ("model,top1,top5\na,1,2\n", None, "found model, top1, top5; name one with --accuracy-c"),
        ("model,top1\na,1\n", "top5", "no column 'top5'"),
        ("model,accuracy\na,good\n", None, "line 2: found 'good'; wanted a number"),
        ("model,accuracy\na,nan\n", None, "line 2: found 'nan'; wanted a number"),
        ("model,accuracy\na\n", None, "line 2: found ''; wanted a number"),
        ("model,accuracy\na,1\na,2\n", None, "line 3: 'a' a second time"),
    ],
)
def test_a_table_that_says_nothing_sure_is_refused(
    text: str, column: str | None, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read_accuracies(write(tmp_path / "a.csv", text), column=column)


def test_a_missing_table_is_an_error_of_the_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read the accuracies"):
        read_accuracies(str(tmp_path / "none.csv"))


def test_rows_find_signatures_by_label_and_by_file(here: Path) -> None:
    table = write(here / "t.csv", "m,accuracy\nmlp,1\nvgg.json,2\nzoo/new/vit.json,3\nbert,4\n")
    found = with_accuracies(collect(["zoo"]), table)
    assert found.accuracies == {"mlp": 1, "vgg": 2, "vit": 3}
    assert found.warnings == ("accuracies of models that are not compared: bert",)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("mobilenet_v3.onnx,1\n", "the accuracy of 'mobilenet_v3.onnx' fits mlp, vit, alexnet"),
        ("mlp,1\nmlp.json,2\n", "two accuracies fit 'mlp', one of them named 'mlp.json'"),
    ],
)
def test_rows_that_fit_two_ways_are_refused(rows: str, message: str, here: Path) -> None:
    table = write(here / "t.csv", f"model,accuracy\n{rows}")
    with pytest.raises(DataError, match=message):
        with_accuracies(collect(["zoo"]), table)
