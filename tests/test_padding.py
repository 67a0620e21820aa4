"""Padded batches of text score as the texts do one by one, at every kind of site."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from onnx_affscore.data.fingerprint import Fingerprint
from onnx_affscore.data.source import Data
from onnx_affscore.errors import DataError, ModelError, OptionError
from onnx_affscore.feeding import Feeding
from onnx_affscore.gather import gather
from onnx_affscore.measurement import Measurement
from onnx_affscore.options import Options
from onnx_affscore.records import Array, FloatArray
from onnx_affscore.witness import Witness
from tests.builder import Builder
from tests.data.text_files import CLS, ids_of, tokenizer_json

ROWS, WIDTH, HEADS = 12, 8, 2
TEXTS = ["a b c", "d", "e f", "g h a b", "c c d d e", "f"]
SAID = ["b", "a b c d", "c", "e e", "h", "g f e d c"]
# float32, and sums in another order
RTOL, ATOL = 2e-5, 2e-6


class _Model(Builder):
    """Attention over tokens, and sites whose tokens lie along several axes."""

    def embedded(self, ids: str) -> str:
        table = np.random.default_rng(2).normal(size=(ROWS, WIDTH))
        return self.op("Gather", self.tensor(table), ids)

    def attending(self, x: str, keys: str, bias: str) -> str:
        turned = self.op("Transpose", keys, perm=[0, 2, 1])
        scores = self.op("Add", self.op("MatMul", x, turned), bias)
        return self.op("Add", x, self.op("MatMul", self.op("Softmax", scores, axis=-1), keys))

    def hiding(self, mask: str) -> str:
        """What is added to scores, (n, 1, tokens): little where the mask is 0."""
        number = self.op("Cast", self.op("Unsqueeze", mask, self._axes(1)), to=1)
        return self.op("Mul", self.op("Sub", 1.0, number), -1e4)

    def causal(self, x: str) -> str:
        """What is added to scores, (tokens, tokens): little behind a token."""
        length = self.op("Gather", self.op("Shape", x), self.tensor(np.array(1)))
        steps = self.op("Range", self.tensor(np.array(0)), length, self.tensor(np.array(1)))
        rows = self.op("Unsqueeze", steps, self._axes(1))
        return self.op("Where", self.op("LessOrEqual", steps, rows), 0.0, -1e4)

    def sites(self, x: str) -> str:
        """Activations with tokens along axis 1, 0, 2 behind features, and 2 behind heads."""
        x = self.op("Relu", self.dense(x, WIDTH, WIDTH))
        joined = self.op("Reshape", x, self.tensor(np.array([-1, WIDTH])))
        joined = self.op("Elu", self.dense(joined, WIDTH, WIDTH, seed=5))
        x = self.op("Reshape", joined, self.op("Shape", x))
        turned = self.op("Tanh", self.op("Transpose", x, perm=[0, 2, 1]))
        x = self.op("Transpose", turned, perm=[0, 2, 1])
        shape = self.tensor(np.array([0, 0, HEADS, WIDTH // HEADS]))
        heads = self.op("Transpose", self.op("Reshape", x, shape), perm=[0, 2, 1, 3])
        gate = self.op("Transpose", self.op("Sigmoid", heads), perm=[0, 2, 1, 3])
        gate = self.op("Reshape", gate, self.tensor(np.array([0, 0, WIDTH])))
        return self.op("Mul", x, gate)

    def _axes(self, *axes: int) -> str:
        return self.tensor(np.array(axes))


def encoder(path: Path) -> Path:
    g = _Model()
    ids = g.input(["n", "t"], "input_ids", "int64")
    mask = g.input(["n", "t"], "attention_mask", "int64")
    x = g.embedded(ids)
    g.output(g.dense(g.sites(g.attending(x, x, g.hiding(mask))), WIDTH, 3), ["n", "t", 3])
    return g.save(path)


def translator(path: Path, *, told: bool) -> Path:
    """An encoder and a causal decoder that attends to it; ``told``: it has a mask of its own."""
    g = _Model()
    ids = g.input(["n", "t"], "input_ids", "int64")
    mask = g.input(["n", "t"], "attention_mask", "int64")
    x = encoded(g, ids, mask)
    said = g.input(["n", "u"], "decoder_input_ids", "int64")
    own = g.input(["n", "u"], "decoder_attention_mask", "int64") if told else None
    decode(g, x, mask, said, own)
    return g.save(path)


def encoded(g: _Model, ids: str, mask: str) -> str:
    x = g.embedded(ids)
    return g.sites(g.attending(x, x, g.hiding(mask)))


def decode(g: _Model, x: str, mask: str, said: str, own: str | None) -> None:
    keys = g.op("Softplus", g.dense(x, WIDTH, WIDTH, seed=3))  # of the source, in the decoder
    y = g.embedded(said)
    bias = g.causal(said)
    if own is not None:
        bias = g.op("Add", bias, g.hiding(own))
    y = g.sites(g.attending(g.attending(y, y, bias), keys, g.hiding(mask)))
    g.output(g.dense(y, WIDTH, 3), ["n", "u", 3])


def two_files(folder: Path) -> tuple[Path, Path]:
    """The same translator as an encoder and a decoder without a mask of its own."""
    first, second = _Model(), _Model()
    ids = first.input(["n", "t"], "input_ids", "int64")
    mask = first.input(["n", "t"], "attention_mask", "int64")
    first.output(encoded(first, ids, mask), ["n", "t", WIDTH])
    over = second.input(["n", "t"], "encoder_attention_mask", "int64")
    said = second.input(["n", "u"], "input_ids", "int64")
    states = second.input(["n", "t", WIDTH], "encoder_hidden_states")
    decode(second, states, over, said, None)
    return first.save(folder / "encoder.onnx"), second.save(folder / "decoder.onnx")


def features(path: Path, data: Data, *, size: int, options: Options) -> dict[str, FloatArray]:
    """The rows behind every site, by name."""
    m = Measurement(path, options)
    located = m.located()
    source, probed = m.probe(m.source(data), located)
    resolved = m.resolved(located, source, probed)
    witness = Witness(m, source, None)
    gathered = gather(m, source, located, resolved, size=size, witness=witness)
    return {
        site.name: np.hstack([gathered.paired(site).x.features, gathered.paired(site).y.features])
        for site in resolved.sites
        if site.unscored is None
    }


def alone(
    texts: Sequence[str], said: Sequence[str] | None, *, told: bool
) -> list[dict[str, Array]]:
    """The feeds of texts one by one, without any padding."""
    feeds = []
    for i, text in enumerate(texts):
        feed = {"input_ids": np.array([ids_of(text)])}
        feed["attention_mask"] = np.ones_like(feed["input_ids"])
        if said is not None:
            feed["decoder_input_ids"] = np.array([[CLS, *ids_of(said[i])[:-1]]])
            if told:
                feed["decoder_attention_mask"] = np.ones_like(feed["decoder_input_ids"])
        feeds.append(feed)
    return feeds


def same(padded: Mapping[str, FloatArray], single: Mapping[str, FloatArray], *, sites: int) -> None:
    assert len(padded) == len(single) == sites
    for name, rows in single.items():
        np.testing.assert_allclose(padded[name], rows, err_msg=name, rtol=RTOL, atol=ATOL)


def options(folder: Path, **more: str) -> Options:
    path = tokenizer_json(folder)
    feeding = Feeding(tokenizer=str(path), **more)  # type: ignore[arg-type]
    return Options(device="cpu", feeding=feeding)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("size", [1, 4, 6])
def test_an_encoder(size: int, side: str, tmp_path: Path) -> None:
    path = encoder(tmp_path / "m.onnx")
    (tmp_path / "x.txt").write_text("\n".join(TEXTS))
    tokenizer_json(tmp_path, tokenizer_config={"padding_side": side})
    chosen = options(tmp_path)
    padded = features(path, str(tmp_path / "x.txt"), size=size, options=chosen)
    single = features(path, alone(TEXTS, None, told=False), size=1, options=Options(device="cpu"))
    same(padded, single, sites=4)


@pytest.mark.parametrize("told", [True, False], ids=["decoder mask", "no decoder mask"])
@pytest.mark.parametrize("said", [SAID, TEXTS], ids=["other lengths", "the same lengths"])
def test_an_encoder_and_its_decoder(told: bool, said: list[str], tmp_path: Path) -> None:
    path = translator(tmp_path / "m.onnx", told=told)
    chosen = options(tmp_path, target_field="to")
    padded = features(path, json_rows(tmp_path / "x.jsonl", said), size=6, options=chosen)
    single = features(path, alone(TEXTS, said, told=told), size=1, options=Options(device="cpu"))
    same(padded, single, sites=9)


def json_rows(path: Path, said: Sequence[str] = SAID, *more: str) -> str:
    rows = [f'{{"text": "{a}", "to": "{b}"}}' for a, b in zip(TEXTS, said, strict=True)]
    path.write_text("\n".join([*rows, *more]))
    return str(path)


@pytest.mark.parametrize("said", [SAID, TEXTS], ids=["other lengths", "the same lengths"])
def test_an_encoder_and_a_decoder_in_two_files_are_as_one(said: list[str], tmp_path: Path) -> None:
    whole = translator(tmp_path / "m.onnx", told=False)
    encoder_file, decoder_file = two_files(tmp_path)
    data = json_rows(tmp_path / "x.jsonl", said)
    chosen = options(tmp_path, target_field="to")
    beside = options(tmp_path, target_field="to", encoder=str(encoder_file))
    one = features(whole, data, size=6, options=chosen)
    two = features(decoder_file, data, size=4, options=beside)
    assert len(two) == 5  # the last ones of the whole, which has four of the encoder before
    for found, expected in zip(two.values(), list(one.values())[4:], strict=True):
        np.testing.assert_allclose(found, expected, rtol=RTOL, atol=ATOL)


def test_rows_that_cannot_be_read_are_missing_on_both_sides(tmp_path: Path) -> None:
    encoder_file, decoder_file = two_files(tmp_path)
    path = tmp_path / "x.jsonl"
    data = json_rows(path, SAID, '{"text": "a"}', "{", '{"text": "h", "to": "a"}')
    chosen = options(tmp_path, target_field="to", encoder=str(encoder_file), on_error="skip")
    m = Measurement(decoder_file, chosen)
    source = m.source(data)
    batches = list(source.batches(4))
    assert [b.size for b in batches] == [4, 2, 1]
    assert sorted(source.skipped) == [6, 7]
    assert all(b.feeds["encoder_hidden_states"].shape[0] == b.size for b in batches)
    hashes = set()
    for size in (1, 4, 9):
        seen = Fingerprint(m.hints)
        for batch in m.source(data).batches(size):
            seen.update(batch)
        hashes.add(seen.hexdigest())
    assert len(hashes) == 1  # of the text that the states are made of, not of their roundings
    assert any("SHA-256" in note for note in source.notes)


def test_what_an_encoder_needs_is_said(tmp_path: Path) -> None:
    encoder_file, decoder_file = two_files(tmp_path)
    data = json_rows(tmp_path / "x.jsonl")
    chosen = options(tmp_path, encoder=str(encoder_file))
    alone = replace(chosen.feeding, tokenizer=None)
    with pytest.raises(OptionError, match="--encoder runs on text; give the tokenizer"):
        Measurement(decoder_file, replace(chosen, feeding=alone)).source(data)
    with pytest.raises(DataError, match="found no decoder that takes an encoder's states"):
        Measurement(encoder_file, chosen).source(data)
    other = options(tmp_path, encoder=str(_flat(tmp_path / "flat.onnx")))
    with pytest.raises(ModelError, match=r"found the outputs 'add_\d+' \(float32\), and none"):
        Measurement(decoder_file, other).source(data)


def _flat(path: Path) -> Path:
    """An encoder that puts out one vector a text."""
    g = _Model()
    ids = g.input(["n", "t"], "input_ids", "int64")
    mask = g.input(["n", "t"], "attention_mask", "int64")
    first = g.op("ReduceMean", g.op("Cast", mask, to=1), axes=[1])
    g.output(
        g.op("Add", g.op("ReduceMean", g.embedded(ids), axes=[1], keepdims=0), first), ["n", 8]
    )
    return g.save(path)


@pytest.mark.parametrize("name", ["padding_mask", "attention_mask"])
def test_a_mask_counts_as_its_name_says(name: str, tmp_path: Path) -> None:
    """One that marks padding is turned round, and columns of a past are passed over."""
    g = _Model()
    ids = g.input(["n", "t"], "input_ids", "int64")
    mask = g.input(["n", "p"], name, "bool")
    past = g.input(["n", 1, 3, 2], "past_0")
    y = g.op("Relu", g.embedded(ids))
    for unused in (g.op("Cast", mask, to=1), past):
        g.output(unused)
    g.output(y, ["n", "t", WIDTH])
    path = g.save(tmp_path / "m.onnx")
    (tmp_path / "x.txt").write_text("\n".join(TEXTS))
    padded = features(path, str(tmp_path / "x.txt"), size=6, options=options(tmp_path))
    table = np.random.default_rng(2).normal(size=(ROWS, WIDTH)).astype(np.float32)
    (found,) = padded.values()
    expected = [np.maximum(table[ids_of(text)], 0).mean(axis=0) for text in TEXTS]
    np.testing.assert_allclose(found[:, WIDTH:], expected, rtol=RTOL, atol=ATOL)


def test_values_that_are_no_numbers_at_padding_do_no_harm(tmp_path: Path) -> None:
    g = _Model()
    ids = g.input(["n", "t"], "input_ids", "int64")
    mask = g.input(["n", "t"], "attention_mask", "int64")
    number = g.op("Cast", g.op("Unsqueeze", mask, g.tensor(np.array([2]))), to=1)
    x = g.op("Div", g.op("Mul", g.embedded(ids), number), number)  # 0/0 at padding
    g.output(g.op("Relu", x), ["n", "t", WIDTH])
    path = g.save(tmp_path / "m.onnx")
    (tmp_path / "x.txt").write_text("\n".join(TEXTS))
    (found,) = features(path, str(tmp_path / "x.txt"), size=6, options=options(tmp_path)).values()
    assert np.isfinite(found).all()


def test_padding_would_have_counted(tmp_path: Path) -> None:
    """The tooth: with a mask of ones throughout, the same batch gives other features."""
    path = encoder(tmp_path / "m.onnx")
    ids = np.zeros((len(TEXTS), 7), np.int64)
    for row, text in zip(ids, TEXTS, strict=True):
        row[: len(ids_of(text))] = ids_of(text)
    plain = Options(device="cpu")
    feed = {"input_ids": ids, "attention_mask": (ids != 0).astype(np.int64)}
    right = features(path, feed, size=6, options=plain)
    wrong = features(path, {"input_ids": ids}, size=6, options=plain)
    single = features(path, alone(TEXTS, None, told=False), size=1, options=plain)
    same(right, single, sites=4)
    assert all(np.abs(wrong[name] - single[name]).max() > 0.01 for name in single)
