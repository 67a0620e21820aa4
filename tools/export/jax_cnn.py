"""A CNN in Flax: channels-first images turned channels-last inside, SiLU, then tanh-GELU."""

import jax
import jax.numpy as jnp
from flax import nnx

from tools.export.export_jax import Recipe, build
from tools.export.manifest import Site

CONVOLUTIONS = (24, 32, 48)
DENSE = 64
SITES = (
    *(Site("Silu", "hidden", width) for width in CONVOLUTIONS),
    Site("Gelu", "hidden", DENSE),
)


class Cnn(nnx.Module):
    """Three convolutions with SiLU, two poolings, and a dense layer with GELU."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        c1, c2, c3 = CONVOLUTIONS
        self.conv1 = nnx.Conv(1, c1, (3, 3), rngs=rngs)
        self.conv2 = nnx.Conv(c1, c2, (3, 3), rngs=rngs)
        self.conv3 = nnx.Conv(c2, c3, (3, 3), rngs=rngs)
        self.dense = nnx.Linear(c3 * 2 * 2, DENSE, rngs=rngs)
        self.head = nnx.Linear(DENSE, 10, rngs=rngs)

    def __call__(self, image: jax.Array) -> jax.Array:
        """Return logits (n, 10) of images (n, 1, 8, 8)."""
        x = jnp.transpose(image, (0, 2, 3, 1))
        x = nnx.silu(self.conv1(x))
        x = nnx.silu(self.conv2(x))
        x = nnx.max_pool(x, window_shape=(2, 2), strides=(2, 2))
        x = nnx.silu(self.conv3(x))
        x = nnx.avg_pool(x, window_shape=(2, 2), strides=(2, 2))
        x = nnx.gelu(self.dense(x.reshape(x.shape[0], -1)), approximate=True)
        return self.head(x)


if __name__ == "__main__":
    build(Recipe("jax_cnn", Cnn, SITES, opset=18))
