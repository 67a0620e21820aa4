"""``--resume`` with what else a run may be asked for: killed, it comes to the same bits."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builder import Builder
from tests.test_measure import WIDTH, mlp

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

CLASSES, EACH = ("cat", "dog"), 45
BROKEN = "cat/20.png"
QUICK = ("--batch-size", "8", "--metrics", "norm")

# The command, which kills itself as soon as so many batches of all models are kept.
VICTIM = """
import os, signal, sys
from onnx_affscore.resume.pass_log import PassLog
left, append = int(sys.argv.pop(1)), PassLog.append
def last(self, *given, **more):
    global left
    append(self, *given, **more)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
PassLog.append = last
from onnx_affscore.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def score(*arguments: str, batches: int = -1, at: Path, given: bytes = b"") -> str:
    """Run ``score`` until so many batches are kept; "killed", or its exit code."""
    done = subprocess.run(
        [sys.executable, "-c", VICTIM, str(batches), "score", *arguments],
        input=given,
        cwd=at,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return "killed" if done.returncode else "0"


def network(path: Path, kind: str) -> None:
    g = Builder()
    x = g.op("Flatten", g.input(["n", 3, 6, 6], "x"))
    g.output(g.dense(g.op(kind, g.dense(x, 108, 5, seed=1)), 5, 2), ["n", 2])
    g.save(path)


def written(path: Path) -> Any:
    found = json.loads(path.read_text("utf-8"))
    del found["run"]["seconds"]
    return found


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Two models, and a folder of pictures by class with a broken one in the middle."""
    image = pytest.importorskip("PIL.Image")
    draw = np.random.default_rng(0)
    for name in CLASSES:
        (tmp_path / "in" / name).mkdir(parents=True)
        for number in range(EACH):
            pixels = draw.integers(0, 256, (6, 6, 3), np.uint8)
            image.fromarray(pixels).save(tmp_path / "in" / name / f"{number:02}.png")
    (tmp_path / "in" / BROKEN).write_bytes(b"no picture")
    network(tmp_path / "a.onnx", "Relu")
    network(tmp_path / "b.onnx", "Tanh")
    return tmp_path


def test_two_models_on_pictures_of_which_one_is_broken_go_on(here: Path) -> None:
    asked: tuple[str, ...] = (
        "a.onnx",
        "b.onnx",
        "--data",
        "in",
        "--preset",
        "unit",
        "--on-error",
        "skip",
        *QUICK,
    )
    asked += ("--by", "label", "--save-features", "{model}.npz", "--json", "{model}.json")
    assert score(*asked, at=here) == "0"
    plain = {name: written(here / f"{name}.json") for name in "ab"}
    features = {name: dict(np.load(here / f"{name}.npz")) for name in "ab"}
    for file in (*here.glob("?.json"), *here.glob("?.npz")):
        file.unlink()
    # Of each model 8 batches of 8 samples are the census, 12 all: the first start ends before the
    # broken picture comes a second time, the next one with the second model.
    starts = [score(*asked, "--resume", "kept", batches=n, at=here) for n in (9, 22)]
    assert {p.name for p in (here / "kept").iterdir()} == {"a", "b"}
    assert not [*here.glob("b.json"), *here.glob("b.npz")]
    starts.append(score(*asked, "--resume", "kept", at=here))
    assert starts == ["killed", "killed", "0"]
    for name in "ab":
        assert written(here / f"{name}.json") == plain[name]
        assert plain[name]["data"]["skipped"]["count"] == 1
        assert BROKEN in json.dumps(plain[name]["data"]["skipped"])
        assert len(plain[name]["groups"]) == len(CLASSES)
        found = np.load(here / f"{name}.npz")
        assert {*found} == {*features[name]}
        for key, array in features[name].items():
            if array.dtype.kind != "U":  # what it is about has the seconds
                np.testing.assert_array_equal(found[key], array)


def test_standard_input_goes_on(tmp_path: Path) -> None:
    mlp(tmp_path)
    rows = np.random.default_rng(1).normal(size=(100, WIDTH)).astype(np.float32)
    np.save(tmp_path / "x.npy", rows)
    given = (tmp_path / "x.npy").read_bytes()
    asked: tuple[str, ...] = ("mlp.onnx", "--data", "-", *QUICK)
    score(*asked, "--json", "plain.json", at=tmp_path, given=given)
    asked += ("--resume", "kept", "--json", "found.json")
    starts = [score(*asked, batches=n, at=tmp_path, given=given) for n in (9, -1)]
    assert starts == ["killed", "0"]
    assert written(tmp_path / "found.json") == written(tmp_path / "plain.json")
