"""A causal decoder as Llama's with a cache: RMSNorm, rotary positions, grouped queries, SwiGLU."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.export.export_text import TextRecipe, build_text
from tools.export.manifest import Site
from tools.export.text_quality import following
from tools.train.text import VOCABULARY
from tools.train.text_loop import TextSchedule, shifted

WIDTH = 48
HEADS = 4
CACHED_HEADS = 2  # grouped queries: two heads share the keys and values of one
HEAD = WIDTH // HEADS
HIDDEN = 64
DEPTH = 3
BASE = 10_000.0  # of the rotary wavelengths
# Attention weighs the tokens there are, so that it has the width of its input.
BLOCK_SITES = (Site("Softmax", "attention", None), Site("Silu", "gate", HIDDEN))


class RMSNorm(nn.Module):
    """x / sqrt(mean of x²), with a weight for each feature."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` at unit mean square, weighted."""
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class Rotary(nn.Module):
    """The angles by which queries and keys are turned at their positions."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("rate", BASE ** (-torch.arange(0, HEAD, 2) / HEAD))

    def forward(self, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosines and sines (n, 1, t, head / 2)."""
        angle = position_ids[:, None, :, None].float() * self.rate
        return angle.cos(), angle.sin()


def turned(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Turn each pair (i, i + head / 2) of features by its angle."""
    (first, second), (cos, sin) = x.chunk(2, dim=-1), turn
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


class Attention(nn.Module):
    """Causal attention that appends its keys and values to the cache."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        self.k_proj = nn.Linear(WIDTH, CACHED_HEADS * HEAD, bias=False)
        self.v_proj = nn.Linear(WIDTH, CACHED_HEADS * HEAD, bias=False)
        self.o_proj = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(
        self, x: Tensor, turn: tuple[Tensor, Tensor], bias: Tensor, past: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the tokens (n, t, d), each a mean of those before it, and the longer cache."""
        query = turned(self.q_proj(x).unflatten(2, (HEADS, HEAD)).transpose(1, 2), turn)
        key = turned(self.k_proj(x).unflatten(2, (CACHED_HEADS, HEAD)).transpose(1, 2), turn)
        value = self.v_proj(x).unflatten(2, (CACHED_HEADS, HEAD)).transpose(1, 2)
        key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        groups = HEADS // CACHED_HEADS
        keys, values = (
            cached[:, :, None].expand(-1, -1, groups, -1, -1).flatten(1, 2)
            for cached in (key, value)
        )
        weights = ((query @ keys.transpose(2, 3)) / HEAD**0.5 + bias).softmax(-1)
        return self.o_proj((weights @ values).transpose(1, 2).flatten(2)), key, value


class MLP(nn.Module):
    """SwiGLU: one half passes through SiLU and multiplies the other."""

    def __init__(self) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(WIDTH, HIDDEN, bias=False)
        self.up_proj = nn.Linear(WIDTH, HIDDEN, bias=False)
        self.down_proj = nn.Linear(HIDDEN, WIDTH, bias=False)
        self.act_fn = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return the tokens (n, t, d)."""
        return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """Attention and a perceptron, each behind a norm and beside a skip."""

    def __init__(self) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm()
        self.self_attn = Attention()
        self.post_attention_layernorm = RMSNorm()
        self.mlp = MLP()

    def forward(
        self, x: Tensor, turn: tuple[Tensor, Tensor], bias: Tensor, past: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the tokens (n, t, d) after both steps, and the longer cache."""
        mixed, key, value = self.self_attn(self.input_layernorm(x), turn, bias, past)
        x = x + mixed
        return x + self.mlp(self.post_attention_layernorm(x)), key, value


class Model(nn.Module):
    """Token embeddings, layers and a last norm."""

    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.rotary_emb = Rotary()
        self.layers = nn.ModuleList(Layer() for _ in range(DEPTH))
        self.norm = RMSNorm()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor, *past: Tensor
    ) -> tuple[Tensor, ...]:
        """Return the tokens (n, t, d), then keys and values of each layer."""
        total = attention_mask.shape[1]
        order = torch.arange(total)
        before = order <= order[total - input_ids.shape[1] :, None]
        seen = before & attention_mask[:, None, None, :].bool()
        bias = torch.where(seen, 0.0, torch.finfo(torch.float32).min)
        turn = self.rotary_emb(position_ids)
        x = self.embed_tokens(input_ids)
        present: list[Tensor] = []
        for layer, key, value in zip(self.layers, past[::2], past[1::2], strict=True):
            x, *longer = layer(x, turn, bias, (key, value))
            present += longer
        return self.norm(x), *present


class Decoder(nn.Module):
    """The model and a head that shares the embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.lm_head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        for weight in (p for p in self.parameters() if p.ndim == 2):
            nn.init.normal_(weight, std=0.05)
        self.lm_head.weight = self.model.embed_tokens.weight

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor, *past: Tensor
    ) -> tuple[Tensor, ...]:
        """Return logits (n, t, vocabulary), then the cache with these tokens in it."""
        x, *present = self.model(input_ids, attention_mask, position_ids, *past)
        return self.lm_head(x), *present


CACHE = [f"{i}.{kind}" for i in range(DEPTH) for kind in ("key", "value")]


def feed(ids: Tensor, mask: Tensor, *, cached: int = 0) -> dict[str, Tensor]:
    """Return the inputs for sentences (n, t) behind ``cached`` made-up tokens."""
    dice = torch.Generator().manual_seed(0)
    shape = len(ids), CACHED_HEADS, cached, HEAD
    return {
        "input_ids": ids,
        "attention_mask": functional.pad(mask, (cached, 0), value=1),
        "position_ids": cached + (mask.cumsum(1) - 1).clamp(min=0),
        **{f"past_key_values.{name}": torch.randn(shape, generator=dice) for name in CACHE},
    }


# The names of Hugging Face Optimum for a decoder with a cache.
TOKENS = {0: "batch_size", 1: "sequence_length"}
WITH_PAST = "past_sequence_length + sequence_length"
AXES = {
    "input_ids": TOKENS,
    "attention_mask": {0: "batch_size", 1: WITH_PAST},
    "position_ids": TOKENS,
    "logits": TOKENS,
    **{f"past_key_values.{name}": {0: "batch_size", 2: "past_sequence_length"} for name in CACHE},
    **{f"present.{name}": {0: "batch_size", 2: WITH_PAST} for name in CACHE},
}


if __name__ == "__main__":
    build_text(
        TextRecipe(
            "torch_decoder",
            Decoder,
            trunk="model",
            head="lm_head",
            tied="model.embed_tokens.weight",
            feed=feed,
            example=partial(feed, cached=5),
            outputs=["logits", *(f"present.{name}" for name in CACHE)],
            axes=AXES,
            sites=BLOCK_SITES * DEPTH,
            opset=17,
            schedule=TextSchedule(shifted, epochs=6, rate=1e-2),
            task="the next token",
            question=following,
        )
    )
