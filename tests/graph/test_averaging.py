"""Lean taps give the same features as straightforward ones, whatever the plane and the layout."""

from pathlib import Path

import numpy as np
import pytest

from onnx_affscore.graph.averaging import block_sizes
from onnx_affscore.graph.instrument import Instrumented, instrument
from onnx_affscore.graph.lean import Lean
from onnx_affscore.records import Array, TensorLayout
from onnx_affscore.run.providers import CPU, Device
from onnx_affscore.run.session import Session
from tests.builder import Builder

CHANNELS, SAMPLES = 8, 3


def read(tapped: Instrumented, x: Array) -> dict[str, Array]:
    device = Device("cpu", (CPU,), strict=True)
    session = Session(tapped.proto, device, folder=Path(), early=tapped.fetches)
    fetched = session.run(tapped.fetches, {"x": x})
    return {
        f"{name} {quantity}": tap.read({n: fetched[n] for n in tap.fetches}, len(x))
        for (name, quantity), tap in tapped.taps.items()
    }


def values(*shape: int, dtype: str = "float32") -> Array:
    return np.random.default_rng(0).normal(1.0, 1.0, size=shape).astype(dtype)


@pytest.mark.parametrize(
    ("sizes", "blocks"),
    [
        ((28, 28), [7, 7]),
        ((56, 112), [7, 8]),
        ((149, 149), [1, 1]),
        ((224, 6), [14, 3]),
        ((1,), [1]),
    ],
)
def test_blocks_divide_the_plane(sizes: tuple[int, ...], blocks: list[int]) -> None:
    assert block_sizes(sizes) == blocks
    assert all(size % block == 0 for size, block in zip(sizes, blocks, strict=True))


@pytest.mark.parametrize("sizes", [(5, 7), (28, 28), (112, 112), (149, 149), (11, 1200), (900,)])
@pytest.mark.parametrize("opset", [9, 17, 18])
def test_means_of_planes_round_as_little_as_the_noise_floor_allows(
    sizes: tuple[int, ...], opset: int
) -> None:
    g = Builder(opset=opset)
    y = g.op("Relu", g.input(["n", CHANNELS, *sizes]))
    g.output(g.op("Flatten", y), ["n", None])
    layout = TensorLayout("float32", 2 + len(sizes), 0, 1)
    lean = Lean(shapes={y: ("n", CHANNELS, *sizes)})
    x = values(SAMPLES, CHANNELS, *sizes)
    tapped = instrument(g.proto(), {y: layout}, lean=lean)
    found = read(tapped, x)[f"{y} features"]
    exact = np.maximum(x.astype(np.float64), 0).reshape(SAMPLES, CHANNELS, -1).mean(axis=2)
    # The chain of additions that score/psd.py allows for: sqrt(4096 / 12) roundings of the size.
    limit = np.sqrt(4096 / 12) * 2.0**-23 * np.sqrt((x**2).mean())
    np.testing.assert_allclose(found, exact, rtol=0, atol=limit)
    assert np.abs(found * (1 + 1e-4) - exact).max() > limit
    assert {quantity for _, quantity in tapped.taps} == {"features"}


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
def test_of_a_tensor_that_is_not_averaged_everything_follows_from_the_features(dtype: str) -> None:
    g = Builder(dtype=dtype)
    y = g.op("Relu", g.input(["n", CHANNELS]))
    g.output(g.op("Identity", y), ["n", CHANNELS])
    layout = TensorLayout(dtype, 2, 0, 1)
    x = values(SAMPLES, CHANNELS, dtype=dtype)
    straight, lean = (
        read(instrument(g.proto(), {y: layout}, lean=way), x) for way in (None, Lean())
    )
    assert set(straight) == set(lean)
    for key, rows in straight.items():
        np.testing.assert_allclose(lean[key], rows, rtol=1e-6)
    tapped = instrument(g.proto(), {y: layout}, lean=Lean())
    assert len(tapped.fetches) == 1


@pytest.mark.parametrize("pool", ["flatten", "positions", "reference"])
def test_other_poolings_are_the_same_with_lean_taps(pool: str) -> None:
    g = Builder()
    y = g.op("Relu", g.input(["n", CHANNELS, 3, 4]))
    g.output(g.op("Identity", y), ["n", CHANNELS, 3, 4])
    layout = TensorLayout("float32", 4, 0, 1)
    x = values(SAMPLES, CHANNELS, 3, 4)
    straight, lean = (
        read(instrument(g.proto(), {y: layout}, pool=pool, lean=way), x) for way in (None, Lean())
    )
    np.testing.assert_allclose(lean[f"{y} features"], straight[f"{y} features"], rtol=1e-6)


def test_outputs_that_differ_in_their_channels_only_are_fetched_together() -> None:
    g = Builder()
    first = g.op("Relu", g.input(["n", 8, 6, 6]))
    second = g.op("Relu", g.op("Conv", first, g.tensor(values(16, 8, 1, 1))))
    squeezed = g.op("Relu", g.op("GlobalAveragePool", second))
    g.output(g.op("Mul", second, squeezed), ["n", 16, 6, 6])
    shapes = {first: ("n", 8, 6, 6), second: ("n", 16, 6, 6), squeezed: ("n", 16, 1, 1)}
    layout = TensorLayout("float32", 4, 0, 1)
    layouts = dict.fromkeys(shapes, layout)
    bundled, alone = (
        instrument(g.proto(), layouts, lean=Lean(shapes=known)) for known in (shapes, {})
    )
    assert (len(bundled.fetches), len(alone.fetches)) == (2, 3)
    x = values(SAMPLES, 8, 6, 6)
    for key, rows in read(alone, x).items():
        np.testing.assert_array_equal(read(bundled, x)[key], rows)
