"""The models of text: the files are those of their manifest, and predict held-out sentences."""

import hashlib
import tomllib
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from onnx_affscore.api import signature, sites
from onnx_affscore.records import PairedSample
from tests.zoo.text_models import (
    FEEDS,
    MASK,
    ROOT,
    SPECIAL,
    TEXT,
    Array,
    padded,
    run,
    sentences,
    session,
)

MANIFEST: dict[str, Any] = tomllib.loads((TEXT / "manifest.toml").read_text("utf-8"))
MODELS: dict[str, dict[str, Any]] = MANIFEST["models"]
FILES = [MANIFEST["data"], MANIFEST["tokenizer"], *MODELS.values()]

# Kernels for other shapes add float32 in another order: a few hundred roundings of logits below 32.
ROUNDING = 32 * 2.0**-24 * 2**6

every_file = pytest.mark.parametrize("entry", FILES, ids=lambda entry: entry["file"])
every_model = pytest.mark.parametrize("name", MODELS)


def test_every_file_is_in_the_manifest() -> None:
    listed = {entry["file"] for entry in FILES}
    assert {file.name for file in TEXT.iterdir()} == listed | {"manifest.toml"}


@every_file
def test_a_file_is_small_and_has_the_hash_of_the_manifest(entry: dict[str, Any]) -> None:
    content = (TEXT / entry["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert len(content) < (500_000 if entry["file"].endswith(".onnx") else 40_000)
    assert (ROOT / entry.get("script", "tools/zoo")).is_file()


@every_model
def test_the_activations_are_those_of_the_architecture(name: str) -> None:
    expected = MODELS[name]["expected_sites"]
    found, _ = sites(TEXT / MODELS[name]["file"])
    assert [(site.activation, site.role.value) for site in found] == [
        (site["activation"], site["role"]) for site in expected
    ]


@every_model
def test_inputs_and_outputs_are_named_as_in_the_manifest(name: str) -> None:
    model = session(name)
    assert [tensor.name for tensor in model.get_inputs()] == MODELS[name]["inputs"]
    assert [tensor.name for tensor in model.get_outputs()] == MODELS[name]["outputs"]


@every_model
def test_the_readme_gives_the_figures_of_the_manifest(name: str) -> None:
    readme = (ROOT / "models" / "README.md").read_text("utf-8")
    (row,) = [line for line in readme.splitlines() if line.startswith(f"| `{name}` |")]
    entry = MODELS[name]
    shares = f"{entry['accuracy']:.1%} ({entry['unigram_accuracy']:.1%})"
    perplexities = f"{entry['perplexity']:.1f} ({entry['unigram_perplexity']:.1f})"
    assert row.endswith(f"| {entry['opset']} | {shares} | {perplexities} |")


def test_the_tokenizer_knows_every_word_and_puts_the_ends_on() -> None:
    tokenizer = Tokenizer.from_file(str(TEXT / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == MANIFEST["tokenizer"]["entries"]
    special = [tokenizer.id_to_token(i) for i in range(SPECIAL)]
    assert special == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    lines = (TEXT / "text.txt").read_text("utf-8").splitlines()
    for line, ids in zip(lines, sentences(), strict=True):
        assert (ids[0], ids[-1]) == (2, 3)
        assert min(ids[1:-1]) >= SPECIAL
        if len(ids) < MANIFEST["tokenizer"]["longest"]:
            kept = [c for c in line.lower() if not c.isspace()]
            assert [c for c in tokenizer.decode(ids) if not c.isspace()] == kept


@every_model
def test_held_out_tokens_are_predicted_as_well_as_the_manifest_says(name: str) -> None:
    entry = MODELS[name]
    found, targets = ASKED[name]()
    counts = np.unique(targets, return_counts=True)[1]
    share = counts / counts.sum()
    figures = {
        "accuracy": np.mean(found.argmax(axis=1) == targets),
        "unigram_accuracy": share.max(),
        "perplexity": np.exp(losses(found, targets).mean()),
        "unigram_perplexity": np.exp(-(share * np.log(share)).sum()),
    }
    # The manifest has four decimals. Another processor's kernels move logits by 1e-5: 1e-3 of
    # a perplexity below 100, or one token in a thousand that sits between two guesses.
    for key, value in figures.items():
        assert value == pytest.approx(entry[key], abs=1e-3), key
    assert entry["perplexity"] < entry["unigram_perplexity"] / 2
    assert entry["accuracy"] > 2 * entry["unigram_accuracy"]
    # The tolerance has teeth: the answers of other tokens are far off.
    assert np.exp(losses(found, np.roll(targets, 1)).mean()) > 2 * entry["perplexity"]


@every_model
def test_padding_and_neighbours_do_not_change_what_is_said_of_a_sentence(name: str) -> None:
    rows = [row for row in sentences() if len(row) < 40][:8]
    together = run(name, FEEDS[name](padded(rows)))["logits"]
    for row, logits in zip(rows, together, strict=True):
        alone = run(name, FEEDS[name](np.array([row])))["logits"][0]
        np.testing.assert_allclose(logits[: len(row)], alone, rtol=0, atol=ROUNDING)
    assert len({len(row) for row in rows}) > 3


@every_model
def test_sentences_are_scored_without_their_padding(name: str, scored: list[PairedSample]) -> None:
    ids = padded(sentences()[:24])
    wider = np.pad(ids, ((0, 0), (0, 8)))
    for rows in (ids, wider):
        found = signature(TEXT / f"{name}.onnx", FEEDS[name](rows))
        widths = [site.get("features") for site in MODELS[name]["expected_sites"]]
        assert [site.features for site in found.sites] == widths
    half = len(scored) // 2
    for sample, other in zip(scored[:half], scored[half:], strict=True):
        x, y = sample.y.features, other.y.features
        np.testing.assert_allclose(x, y, rtol=0, atol=ROUNDING)
        # Means over all positions would have shrunk by more than 4 of 100.
        assert np.abs(x).max() * 0.04 > 100 * ROUNDING


def losses(logits: Array, targets: Array) -> Array:
    """Return the negative log-probability of each target (n,) under logits (n, vocabulary)."""
    above = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    every: Array = np.log(np.exp(above).sum(axis=1)) - above[np.arange(len(above)), targets]
    return every


def filled_in() -> tuple[Array, Array]:
    """Return the encoder's logits at every seventh word, hidden from it, and those words."""
    found, targets = [], []
    for row, ids in enumerate(map(np.array, sentences())):
        hidden = ((row + np.arange(len(ids))) % 7 == 0) & (ids >= SPECIAL)
        feed = FEEDS["torch_bert"](np.where(hidden, MASK, ids)[None])
        found.append(run("torch_bert", feed)["logits"][0, hidden])
        targets.append(ids[hidden])
    return np.concatenate(found), np.concatenate(targets)


def continued() -> tuple[Array, Array]:
    """Return the decoder's logits at each token but the last, and the tokens that follow."""
    found, targets = [], []
    for ids in map(np.array, sentences()):
        found.append(run("torch_decoder", FEEDS["torch_decoder"](ids[None]))["logits"][0, :-1])
        targets.append(ids[1:])
    return np.concatenate(found), np.concatenate(targets)


ASKED = {"torch_bert": filled_in, "torch_decoder": continued}
