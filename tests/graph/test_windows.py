"""Sums over a convolution's windows follow from the sums of the plane and of its borders."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnx_affscore.graph.windows import Patch, Window, mean_kernel, patch_weights
from onnx_affscore.records import FloatArray


def along(strides: st.SearchStrategy[int]) -> st.SearchStrategy[Window]:
    """Convolutions along one axis."""
    return st.builds(
        Window,
        size=st.integers(1, 9),
        kernel=st.integers(1, 4),
        stride=strides,
        dilation=st.integers(1, 3),
        before=st.integers(0, 4),
        after=st.integers(0, 4),
    )


windows = along(st.just(1)).filter(lambda w: w.covered)
strided = along(st.integers(1, 3)).filter(lambda w: w.size + w.before + w.after >= w.reach)


def visited(plane: FloatArray, axes: list[Window], offset: tuple[int, ...]) -> float:
    """The mean over output positions of what one element of the kernel sees, padding counted."""
    padded = np.pad(plane, [(w.before, w.after) for w in axes])
    seen = tuple(
        slice(o * w.dilation, o * w.dilation + w.output) for o, w in zip(offset, axes, strict=True)
    )
    return float(padded[seen].mean())


def patch_means(plane: FloatArray, patch: Patch) -> FloatArray:
    """What AveragePool gives: a patch at both ends of each axis that is longer than it."""
    starts = [sorted({0, size - length}) for size, length in zip(plane.shape, patch, strict=True)]
    means = [
        plane[tuple(slice(s, s + k) for s, k in zip(at, patch, strict=True))].mean()
        for at in itertools.product(*starts)
    ]
    return np.array(means).reshape([len(s) for s in starts])


@settings(max_examples=60)
@given(axes=st.lists(windows, min_size=1, max_size=2), seed=st.integers(0, 99))
def test_patches_add_up_to_what_each_element_of_the_kernel_sees(
    axes: list[Window], seed: int
) -> None:
    plane = np.random.default_rng(seed).normal(size=[w.size for w in axes])
    weights = patch_weights(axes)
    for offset in itertools.product(*(range(w.kernel) for w in axes)):
        total = sum(
            float((weights[patch][offset] * patch_means(plane, patch)).sum()) for patch in weights
        )
        # A few dozen terms of the size of the plane's sum over at least one position.
        limit = 64 * float(np.finfo(float).eps) * (1.0 + float(np.abs(plane).sum()))
        assert total == pytest.approx(visited(plane, axes, offset), abs=limit)
        assert abs(total + 2 * limit - visited(plane, axes, offset)) > limit


def test_a_kernel_as_large_as_the_plane_is_no_window_of_borders() -> None:
    assert not Window(size=3, kernel=7, before=3, after=3).covered
    assert Window(size=7, kernel=7, before=3, after=3).covered


@settings(max_examples=60)
@given(axes=st.lists(strided, min_size=1, max_size=2), seed=st.integers(0, 99))
def test_a_kernel_as_large_as_the_plane_gives_the_mean_of_a_convolution(
    axes: list[Window], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    plane = rng.normal(size=[w.size for w in axes])
    weight = rng.normal(size=(1, 1, *(w.kernel for w in axes)))
    padded = np.pad(plane, [(w.before, w.after) for w in axes])
    mean = 0.0
    for offset in itertools.product(*(range(w.kernel) for w in axes)):
        seen = tuple(
            slice(o * w.dilation, o * w.dilation + w.stride * w.output, w.stride)
            for o, w in zip(offset, axes, strict=True)
        )
        mean += float(weight[(0, 0, *offset)] * padded[seen].mean())
    found = float((mean_kernel(weight, axes)[0, 0] * plane).sum())
    # At most a few hundred products around 1.
    assert found == pytest.approx(mean, abs=1e-12)
    assert found + 2e-12 != pytest.approx(mean, abs=1e-12)
