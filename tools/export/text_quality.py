"""How well a model of text predicts held-out tokens, beside the best guess without context."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tools.train.text_loop import IGNORED, MASK, SPECIAL, Batch, padded, shifted

__all__ = ["Quality", "every_seventh", "following", "quality"]

ROWS = 64


@dataclass(frozen=True, slots=True)
class Quality:
    """Share of tokens that are predicted, and e to the mean loss; with and without context."""

    accuracy: float
    unigram_accuracy: float
    perplexity: float
    unigram_perplexity: float


def every_seventh(ids: Tensor, mask: Tensor, first: int) -> Batch:
    """Hide every seventh word of each sentence; which one is first goes by the sentence's row."""
    rows, columns = torch.arange(first, first + len(ids))[:, None], torch.arange(ids.shape[1])
    hidden = ((rows + columns) % 7 == 0) & (ids >= SPECIAL)
    return Batch(ids.where(~hidden, MASK), mask, ids.where(hidden, IGNORED))


def following(ids: Tensor, mask: Tensor, first: int) -> Batch:
    """Ask for every token after the first."""
    del first
    return shifted(ids, mask, torch.Generator())


def quality(
    logits: Callable[[Tensor, Tensor], Tensor],
    sentences: Sequence[Sequence[int]],
    *,
    question: Callable[[Tensor, Tensor, int], Batch],
) -> Quality:
    """Return what ``logits`` (of ids and mask) predicts of the tokens that ``question`` asks for.

    The guess without context knows how often each asked token occurs in these very sentences, so
    that no other such guess is better.
    """
    losses, hits, asked = [], [], []
    for first in range(0, len(sentences), ROWS):
        batch = question(*padded(sentences[first : first + ROWS]), first)
        rows = batch.targets != IGNORED
        found, targets = logits(batch.ids, batch.mask)[rows], batch.targets[rows]
        losses.append(functional.cross_entropy(found.double(), targets, reduction="none"))
        hits.append(found.argmax(-1) == targets)
        asked.append(targets)
    counts = torch.bincount(torch.cat(asked)).double()
    share = counts[counts > 0] / counts.sum()
    return Quality(
        accuracy=torch.cat(hits).double().mean().item(),
        unigram_accuracy=share.max().item(),
        perplexity=torch.cat(losses).mean().exp().item(),
        unigram_perplexity=(-(share * share.log()).sum()).exp().item(),
    )
