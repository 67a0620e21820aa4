"""A pairing that is proved optimal from some of the features is optimal in all of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnx_affscore.records import FloatArray
from onnx_affscore.score.nearest import pairs_are_nearest


def distances(source: FloatArray, target: FloatArray) -> FloatArray:
    return np.asarray(((source[:, None] - target) ** 2).sum(axis=2))


@settings(max_examples=80)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 30),
    k=st.integers(1, 40),
    apart=st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.0]),
)
def test_what_is_proved_is_true(seed: int, n: int, k: int, apart: float) -> None:
    rng = np.random.default_rng(seed)
    source = rng.standard_normal((n, k)) * np.linspace(0.1, 2.0, k)
    target = source + apart * rng.standard_normal((n, k))
    found = distances(source, target)
    if pairs_are_nearest(source, target):
        assert (found.argmin(axis=1) == np.arange(n)).all()


@pytest.mark.parametrize("blocks", [2**17, 100])
def test_close_pairs_of_many_features_are_proved(
    blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onnx_affscore.score.nearest.BLOCK_ELEMENTS", blocks)
    source = np.random.default_rng(0).standard_normal((60, 64))
    target = np.maximum(source, 0.0)
    assert pairs_are_nearest(source, 0.5 * source + 0.5 * target)
    swapped = target.copy()
    swapped[[57, 58]] = swapped[[58, 57]]  # the tooth, in the last of the blocks
    assert not pairs_are_nearest(source, swapped)


def test_the_rounding_of_single_precision_proves_nothing() -> None:
    draw = np.random.default_rng(0)
    source = draw.standard_normal((40, 64))
    target = source + 1e-6 * draw.standard_normal((40, 64))  # nearer than float32 tells apart
    target[7] = source[3] + 0.5e-6 * draw.standard_normal(64)  # row 3 has a rival, row 7 is far
    found = distances(source, target)
    assert found[3, 7] < found[3, 3]
    assert not pairs_are_nearest(source, target)
    target[7] = source[7]  # without the rival there is a proof
    assert pairs_are_nearest(source, target)


def test_a_tie_is_no_proof() -> None:
    source = np.tile(np.random.default_rng(0).standard_normal((5, 16)), (2, 1))
    assert not pairs_are_nearest(source, source)
    assert not pairs_are_nearest(np.zeros((0, 3)), np.zeros((0, 3)))
