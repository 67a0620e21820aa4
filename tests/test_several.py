"""Several models on the same data: every row read once, the numbers of separate runs."""

import io
import json
import re
import sys
import wave
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_affscore import Signature, signature, signatures
from onnx_affscore.cli.main import run
from onnx_affscore.data import sharing, spec
from onnx_affscore.data.items import fit_items
from onnx_affscore.data.opening import Opened, Request, SourceKind, Table
from onnx_affscore.errors import DataError, ModelsFailedError, OptionError
from onnx_affscore.records import Array
from onnx_affscore.several import each_signature, model_names
from tests.builder import Builder

ROWS = 100  # more than the census takes, so that every row is asked for by two passes or three
X = np.random.default_rng(0).normal(size=(ROWS, 6)).astype(np.float32)
QUICK: dict[str, Any] = {"metrics": (), "details": False}


def made(path: Path, *, seed: int, name: str = "x", kind: str = "Relu", width: int = 6) -> Path:
    g = Builder()
    x = g.dense(g.input([f"batch_{seed}", width], name), width, 5, seed=seed)
    g.output(g.dense(g.op(kind, x), 5, 2), ["n", 2])
    return g.save(path)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models, the inputs of which have different names, and a file that is none."""
    monkeypatch.chdir(tmp_path)
    made(tmp_path / "a.onnx", seed=1)
    made(tmp_path / "b.onnx", seed=2, name="pixels", kind="Tanh")
    (tmp_path / "torn.onnx").write_text("no model")
    np.save("x.npy", X)
    return tmp_path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often each row was read of the data called ``slow``; row 70 cannot be."""
    counted: Counter[int] = Counter()

    def read(row: int) -> Array:
        counted[row] += 1
        if row == 70:
            raise DataError("row 70 is torn")
        return np.asarray(X[row])

    def opened(request: Request) -> Opened:
        counted[-1] += 1
        (hint,) = request.hints
        column = fit_items(read, hint, count=ROWS, shape=(6,), dtype=np.float32, where="slow")
        return Table({hint.spec.name: column})

    kind = SourceKind("slow", "slow", "slow", lambda t: t == "slow", opened, named=False)
    monkeypatch.setattr(spec, "SOURCES", (kind, *spec.SOURCES))
    return counted


def plain(found: Signature) -> Signature:
    return replace(found, run={**found.run, "seconds": None, "blas_threads": None})


def alike(found: list[Signature], wanted: list[Signature]) -> None:
    """Equal to the bit, but for seconds."""
    assert [plain(s) for s in found] == [plain(s) for s in wanted]


@pytest.mark.usefixtures("here")
def test_every_row_is_read_once_and_the_numbers_are_those_of_separate_runs(
    reads: Counter[int],
) -> None:
    options = {"on_error": "skip", "batch_size": 8, **QUICK}
    found = signatures(["a.onnx", "b.onnx"], "slow", **options)
    # Those beside the torn row are asked for again, as within one run.
    beside = set(range(64, 72)) - {70}
    assert {row: n for row, n in reads.items() if n != 1} == {
        row: reads[row] for row in beside if reads[row] != 1
    }
    assert set(reads) == {-1, *range(ROWS)}
    assert max(reads.values()) == 2
    reads.clear()
    alike(found, [signature(m, "slow", **options) for m in ("a.onnx", "b.onnx")])
    assert reads[0] > 2  # the tooth: separate runs do read it again and again
    assert found[0].sites != found[1].sites


def test_sounds_serve_inputs_of_any_name_and_are_decoded_once(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "sounds").mkdir()
    made(here / "a.onnx", seed=1, width=900)
    made(here / "b.onnx", seed=2, width=900, name="speech")
    for i in range(70):
        with wave.open(f"sounds/{i:02}.wav", "wb") as file:
            file.setparams((1, 2, 8000, 900, "NONE", ""))
            draw = np.random.default_rng(i).normal(size=900)
            file.writeframes((draw * 5000).astype("<i2").tobytes())
    opened: Counter[str] = Counter()
    path_open = Path.open

    def counted(path: Path, *arguments: Any, **options: Any) -> Any:
        opened[path.name] += path.suffix == ".wav"
        return path_open(path, *arguments, **options)

    options = {"sample_rate": 8000, **QUICK}
    wanted = [signature(m, "sounds", **options) for m in ("a.onnx", "b.onnx")]
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", counted)
        alone = signature("a.onnx", "sounds", **options)
        once = opened["69.wav"]
        opened.clear()
        alike(signatures(["a.onnx", "b.onnx"], "sounds", **options), wanted)
    alike([alone], wanted[:1])
    assert 0 < opened["69.wav"] <= once


@pytest.mark.usefixtures("here")
def test_a_generator_serves_several_models() -> None:
    taken = []

    def feeds() -> Iterator[dict[str, Array]]:
        for i in range(0, ROWS, 5):
            taken.append(i)
            yield {"x": X[i : i + 5]}

    made(Path("c.onnx"), seed=3)
    found = signatures(["a.onnx", "c.onnx"], feeds(), **QUICK)
    assert taken == list(range(0, ROWS, 5))
    alike(found, [signature(m, list(feeds()), **QUICK) for m in ("a.onnx", "c.onnx")])


def test_what_ends_a_stream_ends_it_for_every_model(here: Path) -> None:
    def torn() -> Iterator[dict[str, Array]]:
        yield {"x": X[:5]}
        raise DataError("the stream is torn")

    made(here / "c.onnx", seed=3)
    with pytest.raises(ModelsFailedError, match="2 of 2 models failed: a: the stream is torn; c"):
        signatures(["a.onnx", "c.onnx"], torn(), **QUICK)


@pytest.mark.usefixtures("here")
def test_a_full_disk_costs_a_second_reading_and_no_result(
    reads: Counter[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    options = {"on_error": "skip", **QUICK}
    wanted = signatures(["a.onnx", "b.onnx"], "slow", **options)
    monkeypatch.setattr(sharing.tempfile, "TemporaryFile", full)  # type: ignore[attr-defined]
    alike(signatures(["a.onnx", "b.onnx"], "slow", **options), wanted)
    assert reads[0] > 2


@pytest.mark.parametrize("archive", [False, True])
def test_standard_input_serves_models_whose_inputs_have_other_names(
    archive: bool, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = io.BytesIO()
    if archive:
        np.savez(sent, x=X, pixels=X)
    else:
        np.save(sent, X)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(sent.getvalue())))
    models = [here / "a.onnx", here / "b.onnx"]
    found = signatures(models, "-", **QUICK)
    wanted = signatures(models, "x.npy", **QUICK)
    assert [s.sites for s in found] == [s.sites for s in wanted]
    assert {s.data["source"] for s in found} == {"-"}


def test_what_is_wrong_with_standard_input_is_told_of_every_model(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a,b\n1,2\n")))
    with pytest.raises(ModelsFailedError) as caught:
        signatures([here / "a.onnx", here / "b.onnx"], "-", **QUICK)
    for name in "ab":
        assert "bytes that begin with b'a,b" in str(caught.value.failed[name])


@contextmanager
def small_disk() -> Iterator[None]:
    """No file may be larger than a kilobyte, some 8 of the feeds below."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class Again:
    """Feeds that can be gone through again and again; ``starts`` says how often they were."""

    starts = 0

    def __iter__(self) -> Iterator[dict[str, Array]]:
        self.starts += 1
        for i in range(0, ROWS, 5):
            yield {"x": X[i : i + 5]}


@pytest.mark.skipif(sys.platform == "win32", reason="no limit for the size of files")
@pytest.mark.usefixtures("here")
def test_feeds_that_a_full_disk_does_not_take_are_read_again_or_end_the_run() -> None:
    models = [Path("a.onnx"), made(Path("c.onnx"), seed=3)]
    wanted = signatures(models, Again(), **QUICK)
    feeds, lost = Again(), iter(Again())
    with small_disk():
        found = signatures(models, feeds, **QUICK)
        with pytest.raises(ModelsFailedError) as caught:  # a generator yields a feed once only
            signatures(models, lost, **QUICK)
    alike(found, wanted)
    assert feeds.starts > 2
    for name in ("a", "c"):
        told = str(caught.value.failed[name])
        assert re.match(
            r"found no room for the data of several models .*File too large; free", told
        )


@pytest.mark.usefixtures("here")
def test_one_that_fails_leaves_the_others() -> None:
    outcomes = list(each_signature(["a.onnx", "torn.onnx", "b.onnx"], "x.npy", **QUICK))
    assert [(o.name, o.signature is None) for o in outcomes] == [
        ("a", False), ("torn", True), ("b", False),
    ]  # fmt: skip
    with pytest.raises(ModelsFailedError, match="1 of 2 models failed: torn: ") as caught:
        signatures(["torn.onnx", "a.onnx"], "x.npy", **QUICK)
    assert caught.value.done["a"].sites == outcomes[0].signature.sites  # type: ignore[union-attr]
    assert set(caught.value.failed) == {"torn"}


def test_names_are_told_apart(here: Path) -> None:
    (here / "other").mkdir()
    made(here / "other" / "a.onnx", seed=4)
    assert model_names(["a.onnx", "other/a.onnx", "b.onnx"]) == ["a", "a-2", "b"]
    with pytest.raises(OptionError, match=r"found the model \./a\.onnx twice"):
        model_names(["./a.onnx", "b.onnx", "a.onnx"])


def called(*arguments: object) -> object:
    with pytest.raises(SystemExit) as caught:
        run([str(a) for a in arguments])
    return caught.value.code


def test_the_command_line_writes_files_and_folders_for_each(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ("--json", "{model}.json", "--save-features", "f-{model}.npz", "--output-dir", "all")
    data = ("--data", "x.npy", "--metrics", "cka", "--resume", "kept")
    assert called("score", "a.onnx", "torn.onnx", "b.onnx", *data, *files) == 3
    told = capsys.readouterr()
    assert told.err.startswith("error: torn: ")
    assert told.out.count("Model  ") == 2
    lines = told.out[told.out.index("\nModels\n") :].split()
    assert lines[1:10] == ["#", "model", "scored", "mean", "std", "min", "max", "median", "1"]
    for name in "ab":
        document = json.loads((here / f"{name}.json").read_text())
        assert document["model"]["path"] == f"{name}.onnx"
        assert json.loads((here / "all" / name / "signature.json").read_text()) == document
        assert (here / f"f-{name}.npz").is_file()
        assert (here / "kept" / name / "run.json").is_file()
    assert called("score", "a.onnx", "b.onnx", *data, "--quiet") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("option", ["--json", "--influence", "--save-features"])
def test_one_file_for_several_models_is_a_usage_error(
    option: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called("score", "a.onnx", "b.onnx", "--data", "x.npy", option, "f.npz") == 2
    assert f"{option} f.npz: found several models for one file; put {{model}}" in (
        capsys.readouterr().err
    )
    assert sorted(p.name for p in here.iterdir()) == ["a.onnx", "b.onnx", "torn.onnx", "x.npy"]


@pytest.mark.usefixtures("here")
def test_one_model_alone_fails_with_its_own_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("score", "torn.onnx", "--data", "x.npy") == 3
    assert called("score", "a.onnx", "--exclude", ".", "--data", "x.npy") == 4
    assert called("score", "a.onnx", "a.onnx") == 2
    assert "found the model a.onnx twice; give it once" in capsys.readouterr().err
