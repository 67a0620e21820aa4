"""A vision transformer: 2x2 patches, a class token, pre-norm attention and GELU blocks."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.export.export_torch import Recipe, build
from tools.export.manifest import Site
from tools.train.torch_loop import Schedule

PATCH = 2
PATCHES = (8 // PATCH) ** 2
WIDTH = 32
HEADS = 4
HIDDEN = 4 * WIDTH
DEPTH = 4
# Attention weighs the patches and the class token for each token.
BLOCK_SITES = (Site("Softmax", "attention", PATCHES + 1), Site("Gelu", "hidden", HIDDEN))


class Attention(nn.Module):
    """Self-attention of several heads."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Return the tokens (n, t, d), each a mean of all weighted by likeness."""
        heads = self.qkv(x).unflatten(2, (3, HEADS, WIDTH // HEADS)).permute(2, 0, 3, 1, 4)
        query, key, value = heads.unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and a two-layer perceptron, each behind a LayerNorm and beside a skip."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, HIDDEN), nn.GELU(), nn.Dropout(0.1), nn.Linear(HIDDEN, WIDTH)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the tokens (n, t, d) after both steps."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    """Patches to tokens, blocks, and a linear head on the class token."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(1, WIDTH, PATCH, stride=PATCH)
        self.class_token = nn.Parameter(0.02 * torch.randn(1, 1, WIDTH))
        self.position = nn.Parameter(0.02 * torch.randn(1, PATCHES + 1, WIDTH))
        self.blocks = nn.Sequential(*(Block() for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (n, 10) of images (n, 1, 8, 8)."""
        patches = self.embed(image).flatten(2).transpose(1, 2)
        token = self.class_token.expand(image.shape[0], -1, -1)
        x = torch.cat([token, patches], dim=1) + self.position
        return self.head(self.norm(self.blocks(x))[:, 0])


if __name__ == "__main__":
    build(
        Recipe(
            "torch_vit",
            VisionTransformer,
            BLOCK_SITES * DEPTH,
            "dynamo",
            opset=20,
            schedule=Schedule(epochs=100, rate=2e-3),
        )
    )
