"""Encoder as BERT: post-norm attention and GELU blocks, and a head that fills in hidden words."""

import torch
from torch import Tensor, nn

from tools.export.export_text import TextRecipe, build_text
from tools.export.manifest import Site
from tools.export.text_quality import every_seventh
from tools.train.text import LONGEST, VOCABULARY
from tools.train.text_loop import TextSchedule, masked

WIDTH = 48
HEADS = 4
HEAD = WIDTH // HEADS
HIDDEN = 64
DEPTH = 3
NEIGHBOURS = (-1, 1, -2, 2)  # what the heads look at before training
SHARPNESS = 1.8  # of their look: a weight of e² between a place and the next
SPREAD = 0.05  # of the embeddings before training
# Attention weighs the tokens there are, so that it has the width of its input.
LAYER_SITES = (Site("Softmax", "attention", None), Site("Gelu", "hidden", HIDDEN))


def rates() -> Tensor:
    """Return the frequencies (d / 2) of :func:`waves`, from one radian a position downwards."""
    return LONGEST ** (-torch.arange(0, WIDTH, 2) / WIDTH)


def waves() -> Tensor:
    """Return sines, then cosines (positions, d), the more alike the nearer two positions are."""
    angle = torch.arange(LONGEST)[:, None] * rates()
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def looking(offset: int) -> Tensor:
    """Return weights (head, d) that make the fastest waves of a position those ``offset`` on."""
    angle, rows = offset * rates()[: HEAD // 2], torch.eye(HEAD // 2, WIDTH // 2)
    cos, sin = angle.cos()[:, None] * rows, angle.sin()[:, None] * rows
    return SHARPNESS * torch.cat([torch.cat([cos, sin], 1), torch.cat([-sin, cos], 1)])


class Embeddings(nn.Module):
    """The sum of what is learnt of each token, its place and its part, behind a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(VOCABULARY, WIDTH)
        self.position_embeddings = nn.Embedding(LONGEST, WIDTH)
        self.token_type_embeddings = nn.Embedding(2, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor) -> Tensor:
        """Return tokens (n, t, d)."""
        place = self.position_embeddings(torch.arange(input_ids.shape[1]))
        part = self.token_type_embeddings(token_type_ids)
        return self.LayerNorm(self.word_embeddings(input_ids) + part + place)


class Attention(nn.Module):
    """Self-attention of several heads."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)
        # A network this small does not find out in time that neighbours tell of a hidden word,
        # so that it starts with heads that look at them.
        self.query.weight.data = torch.cat([looking(offset) for offset in NEIGHBOURS])
        self.key.weight.data = looking(0).repeat(HEADS, 1)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Return the tokens (n, t, d), each a mean of all weighted by likeness."""
        query, key, value = (
            part(x).unflatten(2, (HEADS, HEAD)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        weights = (query @ key.transpose(2, 3) / HEAD**0.5 + bias).softmax(-1)
        return (weights @ value).transpose(1, 2).flatten(2)


class Output(nn.Module):
    """Weights, a skip and a norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Return the norm of ``skip`` (n, t, d) and what the weights make of ``x``."""
        return self.LayerNorm(self.dense(x) + skip)


class Perceptron(nn.Sequential):
    """Weights and a GELU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.add_module("dense", nn.Linear(WIDTH, width))
        self.add_module("act_fn", nn.GELU())


class Layer(nn.Module):
    """Attention and a perceptron, each with a skip and a norm behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.attention_output = Output(WIDTH)
        self.intermediate = Perceptron(HIDDEN)
        self.output = Output(HIDDEN)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Return the tokens (n, t, d) after both steps."""
        x = self.attention_output(self.attention(x, bias), x)
        return self.output(self.intermediate(x), x)


class Predictions(nn.Module):
    """The head for masked words: weights, GELU, norm, then likeness to each embedding."""

    def __init__(self, embeddings: nn.Embedding) -> None:
        super().__init__()
        self.transform = Perceptron(WIDTH)
        self.transform.add_module("LayerNorm", nn.LayerNorm(WIDTH))
        self.decoder = nn.Linear(WIDTH, VOCABULARY)
        self.decoder.weight = embeddings.weight

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, t, vocabulary)."""
        return self.decoder(self.transform(x))


class Encoder(nn.Module):
    """Embeddings and layers."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = Embeddings()
        self.layer = nn.ModuleList(Layer() for _ in range(DEPTH))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Return the tokens (n, t, d)."""
        lowest = torch.finfo(torch.float32).min
        bias = (1.0 - attention_mask[:, None, None, :].float()) * lowest
        x = self.embeddings(input_ids, token_type_ids)
        for layer in self.layer:
            x = layer(x, bias)
        return x


class Bert(nn.Module):
    """The encoder and the head for masked words."""

    def __init__(self) -> None:
        super().__init__()
        self.bert = Encoder()
        self.predictions = Predictions(self.bert.embeddings.word_embeddings)
        for table in (m for m in self.modules() if isinstance(m, nn.Embedding)):
            nn.init.normal_(table.weight, std=SPREAD)
        places = self.bert.embeddings.position_embeddings.weight
        places.data = 2 * SPREAD * 2**0.5 * waves()
        self.bert.embeddings.token_type_embeddings.weight.data.zero_()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Return logits (n, t, vocabulary) of ids (n, t)."""
        return self.predictions(self.bert(input_ids, attention_mask, token_type_ids))


def feed(ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Return the inputs for sentences (n, t), all of the first part."""
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "token_type_ids": torch.zeros_like(ids),
    }


TOKENS = {0: "batch_size", 1: "sequence_length"}

if __name__ == "__main__":
    build_text(
        TextRecipe(
            "torch_bert",
            Bert,
            trunk="bert",
            head="predictions",
            tied="bert.embeddings.word_embeddings.weight",
            feed=feed,
            example=feed,
            outputs=["logits"],
            axes=dict.fromkeys(("input_ids", "attention_mask", "token_type_ids", "logits"), TOKENS),
            sites=(*LAYER_SITES * DEPTH, Site("Gelu", "hidden", WIDTH)),
            opset=14,
            schedule=TextSchedule(masked, epochs=12, rate=5e-3),
            task="every seventh word, masked",
            question=every_seventh,
        )
    )
