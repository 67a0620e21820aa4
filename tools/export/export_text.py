"""Trains a PyTorch model of text, exports it through TorchScript, and checks and records it."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import Tensor, nn

from tools.export.manifest import Site, TextEntry, record_model
from tools.export.publish import LICENCE, TOLERANCE
from tools.export.text_quality import quality
from tools.export.tied import tie
from tools.train.text import TEXT, encoded, read_corpus, text_argument
from tools.train.text_loop import Batch, TextSchedule, padded, train_text

__all__ = ["TextRecipe", "build_text"]

Feed = dict[str, Tensor]

MOST_BYTES = 500_000
LEAST_GAIN = 2.0  # unigram perplexity over that of the model


@dataclass(frozen=True, slots=True)
class TextRecipe:
    """A network, how it is fed with ids and mask (n, t), and the names and axes of its file.

    ``trunk`` and ``head`` name the two parts of the network; the head's weights are the
    embeddings, ``tied`` by name. ``feed`` gives the inputs in the order of the network's
    arguments, ``example`` those that the export is traced with. ``axes`` names the axes that may
    have any length.
    """

    name: str
    net: Callable[[], nn.Module]
    trunk: str
    head: str
    tied: str
    feed: Callable[[Tensor, Tensor], Feed]
    example: Callable[[Tensor, Tensor], Feed]
    outputs: Sequence[str]
    axes: Mapping[str, dict[int, str]]
    sites: Sequence[Site]
    opset: int
    schedule: TextSchedule
    task: str
    question: Callable[[Tensor, Tensor, int], Batch]
    seed: int = 0


def build_text(recipe: TextRecipe) -> None:
    """Train, export and publish one network; one thread, so that a seed gives one result."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(recipe.seed)
    corpus = read_corpus(text_argument())
    net = recipe.net()
    train_text(
        (net.get_submodule(recipe.trunk), net.get_submodule(recipe.head)),
        encoded(corpus.train),
        feed=recipe.feed,
        schedule=recipe.schedule,
        seed=recipe.seed,
    )
    sentences = encoded(corpus.held_out)
    # Three rows and a cache, so that no axis of the trace has length 0 or 1.
    model = _exported(net.eval(), recipe, recipe.example(*padded(sentences[:3])))
    tie(model, recipe.tied)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    for feed in (recipe.feed(*padded(sentences[:64])), recipe.example(*padded(sentences[64:80]))):
        _compare(net, session, feed)
    _publish(content, session, recipe, sentences)


def _outputs(net: nn.Module, feed: Feed) -> tuple[Tensor, ...]:
    found = net(*feed.values())
    return found if isinstance(found, tuple) else (found,)


def _exported(net: nn.Module, recipe: TextRecipe, example: Feed) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            net,
            tuple(example.values()),
            file,
            dynamo=False,
            opset_version=recipe.opset,
            input_names=list(example),
            output_names=list(recipe.outputs),
            dynamic_axes=dict(recipe.axes),
        )
        return onnx.load(file)


def _compare(net: nn.Module, session: ort.InferenceSession, feed: Feed) -> None:
    """Refuse a file whose outputs are not those of the network."""
    with torch.no_grad():
        wanted = _outputs(net, feed)
    found = session.run(None, {name: value.numpy() for name, value in feed.items()})
    gap = max(float(np.abs(f - w.numpy()).max()) for f, w in zip(found, wanted, strict=True))
    print(f"gap {gap:.1e}")
    if gap > TOLERANCE:
        raise ValueError(f"outputs differ from the framework's by {gap}")


def _publish(
    content: bytes,
    session: ort.InferenceSession,
    recipe: TextRecipe,
    sentences: Sequence[Sequence[int]],
) -> None:
    """Save the file and enter it in the manifest, provided that it is small and has learnt."""

    def logits(ids: Tensor, mask: Tensor) -> Tensor:
        feed = {name: value.numpy() for name, value in recipe.feed(ids, mask).items()}
        return torch.from_numpy(session.run([recipe.outputs[0]], feed)[0])

    found = quality(logits, sentences, question=recipe.question)
    print(found, len(content), "bytes")
    if found.unigram_perplexity < LEAST_GAIN * found.perplexity:
        raise ValueError(f"{recipe.name}: {found} is hardly better than guessing")
    if len(content) > MOST_BYTES:
        raise ValueError(f"{recipe.name}: found {len(content)} bytes, wanted {MOST_BYTES} at most")
    file = TEXT / f"{recipe.name}.onnx"
    file.write_bytes(content)
    record_model(
        recipe.name,
        TextEntry(
            file=file.name,
            framework="torch",
            framework_version=version("torch"),
            exporter="torch.onnx.export (torchscript)",
            exporter_version=version("torch"),
            opset=recipe.opset,
            script=f"tools/export/{recipe.name}.py",
            seed=recipe.seed,
            task=recipe.task,
            **{name: round(value, 4) for name, value in asdict(found).items()},
            inputs=tuple(i.name for i in session.get_inputs()),
            outputs=tuple(recipe.outputs),
            licence=LICENCE,
            expected_sites=tuple(recipe.sites),
        ),
        folder=TEXT,
    )
