"""The models of text on text.txt as the command line reads it: scores, and all the accuracy."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from onnx_affscore.api import signature
from onnx_affscore.cli.main import main
from onnx_affscore.data import open_source
from onnx_affscore.data.companions import COMPANIONS
from onnx_affscore.feeding import Feeding
from onnx_affscore.graph.hints import input_hints
from onnx_affscore.graph.model import load
from tests.zoo.text_models import MASK, ROOT, SPECIAL, TEXT, Array, run, sentences

MODELS: dict[str, dict[str, Any]] = tomllib.loads((TEXT / "manifest.toml").read_text("utf-8"))[
    "models"
]
LINES = 477
SCORED = {"hidden", "gate", "recurrent"}

every_model = pytest.mark.parametrize("name", MODELS)


def batches(name: str, size: int) -> Iterator[dict[str, Array]]:
    """The feeds that the command line makes of text.txt."""
    hints = input_hints(load(TEXT / f"{name}.onnx").proto)
    feeding = Feeding(tokenizer=str(TEXT / "tokenizer.json"))
    source = open_source(str(TEXT / "text.txt"), hints, feeding=feeding)
    assert source.count == LINES
    for batch in source.batches(size):
        yield dict(batch.feeds)


@every_model
def test_the_command_line_scores_every_site_of_the_manifest(name: str, tmp_path: Path) -> None:
    command = ["score", str(TEXT / f"{name}.onnx"), "--data", str(TEXT / "text.txt")]
    command += ["--tokenizer", str(TEXT / "tokenizer.json"), "--json", str(tmp_path / "s.json")]
    done = CliRunner().invoke(main, [*command, "--quiet"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    made = json.loads((tmp_path / "s.json").read_text())
    assert (made["data"]["samples"], made["data"]["synthetic"]) == (LINES, False)
    assert made["run"]["outputs_verified"]
    expected = [site for site in MODELS[name]["expected_sites"] if site["role"] in SCORED]
    scored = [site for site in made["sites"] if site["status"] == "ok"]
    assert made["summary"]["scored"] == len(scored) == len(expected)
    for site, wanted in zip(scored, expected, strict=True):
        assert (site["activation"], site["role"], site["features"], site["samples"]) == (
            wanted["activation"],
            wanted["role"],
            wanted["features"],
            LINES,
        )
        # A Gelu or Silu is neither affine nor without any affine part.
        assert 0.2 < site["scores"]["affinity"] < 0.98


def test_what_is_cut_off_is_said_aloud() -> None:
    made = signature(
        TEXT / "torch_bert.onnx",
        str(TEXT / "text.txt"),
        tokenizer=str(TEXT / "tokenizer.json"),
        max_length=20,
    )
    cut = sum(len(ids) > 20 for ids in sentences())
    assert made.warnings == (f"input_ids: {cut} of {LINES} cut off at 20 tokens",)


@every_model
def test_rows_are_the_tokens_of_their_sentences(name: str) -> None:
    rows = [
        ids[mask == 1]
        for feed in batches(name, 50)
        for ids, mask in zip(feed["input_ids"], feed["attention_mask"], strict=True)
    ]
    for found, ids in zip(rows, sentences(), strict=True):
        assert found.tolist() == ids


def filled_in() -> tuple[Array, Array]:
    """The encoder's guesses at every seventh word, hidden from it in a padded batch, and those."""
    found, targets, row = [], [], 0
    for feed in batches("torch_bert", 64):
        ids = feed["input_ids"]
        rows = np.arange(row, row := row + len(ids))[:, None]
        hidden = ((rows + np.arange(ids.shape[1])) % 7 == 0) & (ids >= SPECIAL)
        logits = run("torch_bert", {**feed, "input_ids": np.where(hidden, MASK, ids)})["logits"]
        found.append(logits[hidden].argmax(axis=1))
        targets.append(ids[hidden])
    return np.concatenate(found), np.concatenate(targets)


def continued() -> tuple[Array, Array]:
    """The decoder's guesses at every token behind another, in padded batches, and those."""
    found, targets = [], []
    for feed in batches("torch_decoder", 64):
        real = feed["attention_mask"][:, 1:] == 1
        found.append(run("torch_decoder", feed)["logits"][:, :-1][real].argmax(axis=1))
        targets.append(feed["input_ids"][:, 1:][real])
    return np.concatenate(found), np.concatenate(targets)


@pytest.mark.parametrize(
    ("name", "answers"), [("torch_bert", filled_in), ("torch_decoder", continued)]
)
def test_nothing_of_the_accuracy_is_lost_on_the_way(name: str, answers: Any) -> None:
    found, targets = answers()
    accuracy = MODELS[name]["accuracy"]
    # As in test_text: four decimals, and one token in a thousand between two guesses.
    assert np.mean(found == targets) == pytest.approx(accuracy, abs=1e-3)
    assert np.mean(np.roll(found, 1) == targets) < accuracy / 2  # the tooth


PAGE = (ROOT / "docs" / "data.md").read_text("utf-8")
COMMANDS = re.findall(r"^    onnx-affscore (score models/text/.*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_the_page_work(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(main, [*shlex.split(command), "--samples", "40"])
    assert done.exit_code == 0, done.output
    assert len(COMMANDS) == len(MODELS)


def test_the_page_lists_every_companion() -> None:
    names = {
        "mask": "attention_mask",
        "padding": "speaks of padding",
        "positions": "position_ids",
        "segments": "token_type_ids",
        "types": "and the like",
        "length": "input_lengths",
        "past": "past_*",
        "cache": "use_cache_branch",
        "kept": "num_logits_to_keep",
    }
    assert names.keys() == {c.meaning for c in COMPANIONS}
    assert [name for name in names.values() if name not in PAGE] == []
