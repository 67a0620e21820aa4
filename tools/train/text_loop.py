"""Trains a PyTorch model of text: batches of sentences alike in length, AdamW, one-cycle rate."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = [
    "IGNORED",
    "MASK",
    "SPECIAL",
    "Batch",
    "TextSchedule",
    "masked",
    "padded",
    "shifted",
    "train_text",
]

PAD, MASK = 0, torch.tensor(4)
SPECIAL = 5  # ids below it are no words
BATCH = 32
IGNORED = torch.tensor(-100)  # a target that cross_entropy leaves out


@dataclass(frozen=True, slots=True)
class Batch:
    """Ids (n, t), the mask of real tokens (n, t), and what to predict at each (n, t)."""

    ids: Tensor
    mask: Tensor
    targets: Tensor


@dataclass(frozen=True, slots=True)
class TextSchedule:
    """How long and how fast to train, and what to predict."""

    task: Callable[[Tensor, Tensor, torch.Generator], Batch]
    epochs: int
    rate: float
    weight_decay: float = 1e-2


def padded(sentences: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Return ids (n, t) with [PAD] behind shorter sentences, and the mask of real tokens."""
    width = max(map(len, sentences))
    ids = torch.tensor([[*row, *[PAD] * (width - len(row))] for row in sentences])
    return ids, (ids != PAD).long()


def masked(ids: Tensor, mask: Tensor, dice: torch.Generator) -> Batch:
    """Hide three of ten words, to be predicted."""
    hidden = (torch.rand(ids.shape, generator=dice) < 0.3) & (ids >= SPECIAL)
    return Batch(ids.where(~hidden, MASK), mask, ids.where(hidden, IGNORED))


def shifted(ids: Tensor, mask: Tensor, dice: torch.Generator) -> Batch:
    """Predict every token from those before it."""
    del dice  # nothing is drawn
    targets = functional.pad(ids[:, 1:], (0, 1), value=PAD)
    return Batch(ids, mask, targets.where(targets != PAD, IGNORED))


def _batches(
    sentences: Sequence[Sequence[int]], dice: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield every sentence once, beside others of about its length, in a new order each time."""
    length = torch.tensor([len(row) for row in sentences], dtype=torch.float)
    order = (length * (1 + 0.2 * torch.rand(len(length), generator=dice))).argsort()
    groups = order.split(BATCH)
    for group in torch.randperm(len(groups), generator=dice).tolist():
        yield padded([sentences[row] for row in groups[group].tolist()])


def train_text(
    parts: tuple[nn.Module, nn.Module],
    sentences: Sequence[Sequence[int]],
    *,
    feed: Callable[[Tensor, Tensor], dict[str, Tensor]],
    schedule: TextSchedule,
    seed: int,
) -> None:
    """Train a trunk and a head in place on sentences of ids; ``feed`` makes the trunk's inputs.

    The head sees the tokens (k, d) that are asked for alone: of hidden words that is a part.
    """
    trunk, head = parts
    dice = torch.Generator().manual_seed(seed)
    steps = schedule.epochs * -(-len(sentences) // BATCH)
    weights = nn.ModuleList(parts).parameters()  # each once, also where both share it
    optimiser = torch.optim.AdamW(weights, lr=schedule.rate, weight_decay=schedule.weight_decay)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, schedule.rate, total_steps=steps)
    for epoch in range(schedule.epochs):
        losses = []
        for ids, mask in _batches(sentences, dice):
            batch = schedule.task(ids, mask, dice)
            found = trunk(*feed(batch.ids, batch.mask).values())
            tokens = found[0] if isinstance(found, tuple) else found
            asked = batch.targets != IGNORED
            loss = functional.cross_entropy(head(tokens[asked]), batch.targets[asked])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rates.step()
            losses.append(loss.item())
        print(f"epoch {epoch}: loss {sum(losses) / len(losses):.3f}", flush=True)
