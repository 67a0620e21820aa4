"""The command line's way to classes: score them, then hold one against another."""

import json
from pathlib import Path

import numpy as np
import pytest

from onnx_affscore.cli.main import run
from tests.builder import Builder


def called(*arguments: object) -> object:
    with pytest.raises(SystemExit) as caught:
        run([str(a) for a in arguments])
    return caught.value.code


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    g = Builder()
    g.output(g.dense(g.op("Relu", g.dense(g.input(["n", 6]), 6, 5)), 5, 2), ["n", 2])
    g.save(tmp_path / "m.onnx")
    x = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=x, kind=np.where(np.arange(60) % 3, "cat", "dog"))
    return tmp_path


@pytest.mark.usefixtures("here")
def test_classes_are_scored_compared_and_reproduced(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--data", "d.npz", "--label", "kind", "--by", "label", "--json", "s.json")
    assert called("score", "m.onnx", *options) == 0
    assert "Affinity by label:" in capsys.readouterr().out
    classes = json.loads(Path("s.json").read_text())["groups"]["classes"]
    assert [(c["name"], c["samples"]) for c in classes] == [("cat", 40), ("dog", 20)]
    assert called("compare", "s.json#cat", "s.json#dog") == 0
    assert "s#dog" in capsys.readouterr().out
    assert called("compare", "s.json#cat", "s.json#cow") == 3
    assert ".json: no class 'cow'; the signature has cat, dog" in capsys.readouterr().err
    assert called("compare", "s.json#cat", "other.json#cat") == 2
    assert "'other.json' does not exist" in capsys.readouterr().err
    assert called("reproduce", "s.json") == 0
    assert called("score", "m.onnx", "--data", "d.npz", "--by", "label") == 3
    assert "--by label: d.npz tells no classes" in capsys.readouterr().err


def test_a_class_that_scores_otherwise_is_no_reproduction(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--data", "d.npz", "--label", "kind", "--by", "label", "--json", "s.json")
    assert called("score", "m.onnx", "--quiet", *options) == 0
    document = json.loads((here / "s.json").read_text())
    document["groups"]["classes"][1]["sites"][0]["scores"]["affinity"] -= 0.01
    (here / "s.json").write_text(json.dumps(document))
    assert called("reproduce", "s.json") == 1
    assert ", class dog" in capsys.readouterr().out
