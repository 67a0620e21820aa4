"""Trains a PyTorch classifier on the digits: AdamW, one-cycle rate, small random affine shifts."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.train.split import load_part

__all__ = ["Schedule", "train"]

BATCH = 64
ROTATION = math.radians(10)
SCALING = 0.1
SHIFT = 0.1  # of the half width: 0.4 pixels of the 8x8 image


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to train."""

    epochs: int = 60
    rate: float = 3e-3
    weight_decay: float = 1e-2


def _jitter(x: Tensor, dice: torch.Generator) -> Tensor:
    """Turn, scale and shift every image of a batch a little, each in its own way."""
    turn, scale, right, down = (2 * torch.rand(4, len(x), generator=dice) - 1).unbind()
    angle, size = ROTATION * turn, 1 + SCALING * scale
    cos, sin = size * angle.cos(), size * angle.sin()
    theta = torch.stack([cos, -sin, SHIFT * right, sin, cos, SHIFT * down], dim=1)
    grid = functional.affine_grid(theta.view(-1, 2, 3), list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, align_corners=False)


def train(net: nn.Module, schedule: Schedule, *, seed: int) -> None:
    """Train ``net`` in place on the training part; leave it in evaluation mode."""
    part = load_part("image", "train")
    x, y = torch.from_numpy(part.x), torch.from_numpy(part.y)
    dice = torch.Generator().manual_seed(seed)
    steps = schedule.epochs * (len(x) // BATCH)
    optimiser = torch.optim.AdamW(
        net.parameters(), lr=schedule.rate, weight_decay=schedule.weight_decay
    )
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, schedule.rate, total_steps=steps)
    net.train()
    for _ in range(schedule.epochs):
        # A last, smaller batch is dropped: batch statistics of a few rows only add noise.
        for rows in torch.randperm(len(x), generator=dice).split(BATCH)[: len(x) // BATCH]:
            loss = functional.cross_entropy(net(_jitter(x[rows], dice)), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rates.step()
    net.eval()
