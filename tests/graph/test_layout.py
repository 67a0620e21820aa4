"""Sample and feature axes, found on the ways that exporters take a tensor through a graph."""

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from onnx_affscore.graph.instrument import expose
from onnx_affscore.graph.reshaping import reshaped
from onnx_affscore.measurement import Measurement
from onnx_affscore.options import Options
from onnx_affscore.records import ActivationSite, Array, Role
from onnx_affscore.selection import Selection
from tests.builder import Builder, located

SAMPLES = 3


def conv(g: Builder, x: str, channels: int, to: int, *, size: int = 1, dims: int = 2) -> str:
    weights = np.random.default_rng(1).normal(size=(to, channels, *[size] * dims))
    return g.op("Conv", x, g.tensor(weights))


def ints(g: Builder, *values: int) -> str:
    return g.tensor(np.array(values, np.int64))


def image(g: Builder) -> str:
    return conv(g, g.input(["n", 3, 4, 4]), 3, 8)


def tokens(g: Builder) -> str:
    return g.dense(g.input(["n", 6, 5]), 5, 8)


def move(g: Builder, x: str, *perm: int) -> str:
    return g.op("Transpose", x, perm=list(perm))


def shaped(g: Builder, x: str, *shape: int) -> str:
    return g.op("Reshape", x, ints(g, *shape))


def convnext(g: Builder) -> str:
    return g.dense(move(g, image(g), 0, 2, 3, 1), 8, 12)


def convnext_and_back(g: Builder) -> str:
    return move(g, convnext(g), 0, 3, 1, 2)


def keras(g: Builder) -> str:
    x = move(g, g.input(["n", 4, 4, 3]), 0, 3, 1, 2)
    return g.op("Add", move(g, conv(g, x, 3, 8), 0, 2, 3, 1), g.tensor(np.ones(8)))


def patches(g: Builder) -> str:
    return move(g, shaped(g, image(g), 0, 8, -1), 0, 2, 1)


def patches_by_computed_shape(g: Builder) -> str:
    x = image(g)
    batch = g.op("Unsqueeze", g.op("Gather", g.op("Shape", x), g.tensor(np.int64(0))), ints(g, 0))
    shape = g.op("Concat", batch, ints(g, 8), ints(g, -1), axis=0)
    return move(g, g.op("Reshape", x, shape), 0, 2, 1)


def class_token(g: Builder) -> str:
    return g.op("Gather", tokens(g), g.tensor(np.int64(0)), axis=1)


def heads(g: Builder) -> str:
    return move(g, shaped(g, tokens(g), 0, -1, 2, 4), 0, 2, 1, 3)


def heads_in_the_batch(g: Builder) -> str:
    return shaped(g, heads(g), -1, 6, 4)


def windows(g: Builder) -> str:
    parts = shaped(g, move(g, image(g), 0, 2, 3, 1), -1, 2, 2, 2, 2, 8)
    return g.dense(shaped(g, move(g, parts, 0, 1, 3, 2, 4, 5), -1, 4, 8), 8, 8)


def windows_put_together(g: Builder) -> str:
    parts = move(g, shaped(g, windows(g), -1, 2, 2, 2, 2, 8), 0, 1, 3, 2, 4, 5)
    return shaped(g, parts, -1, 16, 8)


def time_distributed(g: Builder) -> str:
    return g.dense(shaped(g, g.input(["n", 6, 5]), -1, 5), 5, 8)


def embedding(g: Builder) -> str:
    table = g.tensor(np.random.default_rng(0).normal(size=(9, 5)))
    return g.op("Gather", table, g.input(["n", 6], "ids", "int64"))


def flattened(g: Builder) -> str:
    return g.op("Flatten", image(g))


def shuffled(g: Builder) -> str:
    return shaped(g, move(g, shaped(g, image(g), 0, 2, 4, 4, 4), 0, 2, 1, 3, 4), 0, 8, 4, 4)


def squeezed(g: Builder) -> str:
    return conv(g, g.op("ReduceMean", image(g), axes=[2, 3], keepdims=1), 8, 4)


def pooled(g: Builder) -> str:
    return g.op("Squeeze", g.op("GlobalAveragePool", image(g)), ints(g, 2, 3))


def lstm(g: Builder, x: str) -> str:
    w, r = (np.random.default_rng(i).normal(size=(1, 16, n)) for i, n in enumerate((5, 4)))
    return g.op("LSTM", x, g.tensor(w), g.tensor(r), outputs=2, hidden_size=4)


def lstm_time_major(g: Builder) -> str:
    return g.op("Squeeze", lstm(g, g.input(["t", "n", 5])), ints(g, 1))


def lstm_batch_first(g: Builder) -> str:
    steps = g.op("Squeeze", lstm(g, move(g, g.input(["n", 6, 5]), 1, 0, 2)), ints(g, 1))
    return move(g, steps, 1, 0, 2)


def lstm_last_state(g: Builder) -> str:
    lstm(g, g.input(["t", "n", 5]))
    return g.op("Squeeze", g.nodes[-1].output[1], ints(g, 0))


def bias_along_an_axis(g: Builder) -> str:
    rest = g.op("ReduceMean", g.input(["n", 5, 4, 6]), axes=[1], keepdims=0)
    return g.op("Add", rest, g.tensor(np.arange(4.0).reshape(4, 1)))


def weights_on_the_left(g: Builder) -> str:
    return g.op("MatMul", g.tensor(np.random.default_rng(0).normal(size=(8, 5))),
                g.input(["n", 5, 6]))  # fmt: skip


# how the tensor comes about: the axis that counts samples, that of the features, and its length
CASES: dict[Callable[[Builder], str], tuple[int, int, int]] = {
    image: (0, 1, 8),
    tokens: (0, 2, 8),
    convnext: (0, 3, 12),
    convnext_and_back: (0, 1, 12),
    keras: (0, 3, 8),
    patches: (0, 2, 8),
    patches_by_computed_shape: (0, 2, 8),
    class_token: (0, 1, 8),
    heads: (0, 3, 4),
    heads_in_the_batch: (0, 2, 4),
    windows: (0, 2, 8),
    windows_put_together: (0, 2, 8),
    time_distributed: (0, 1, 8),
    embedding: (0, 2, 5),
    flattened: (0, 1, 128),
    shuffled: (0, 1, 8),
    squeezed: (0, 1, 4),
    pooled: (0, 1, 8),
    lstm_time_major: (1, 2, 4),
    lstm_batch_first: (0, 2, 4),
    lstm_last_state: (0, 1, 4),
    bias_along_an_axis: (0, 1, 4),
    weights_on_the_left: (0, 1, 8),
}


def feeds(m: Measurement, *, changed: int | None = None) -> dict[str, Array]:
    """One input of three samples, one of them changed."""
    spec, axis = m.hints[0].spec, m.hints[0].sample_axis or 0
    rng = np.random.default_rng(0)
    shape = [SAMPLES if i == axis else 6 if isinstance(d, str) else d or 1
             for i, d in enumerate(spec.shape or ())]  # fmt: skip
    array = rng.integers(0, 4, shape) if spec.dtype == "int64" else rng.normal(size=shape)
    if changed is not None:
        np.moveaxis(array, axis, 0)[changed] += 5
    return {spec.name: array.astype(spec.dtype)}


def settled(path: Path) -> tuple[Measurement, ActivationSite]:
    """The site behind the tensor, its axes as they run."""
    m = Measurement(path, Options(device="cpu", selection=Selection(roles=(Role.HEAD,))))
    located = m.located()
    source, probed = m.probe(m.source(feeds(m)), located)
    site = m.resolved(located, source, probed).sites[-1]
    assert site.activation == "Softplus"
    assert site.unscored is None
    return m, site


def network(make: Callable[[Builder], str], folder: Path) -> Path:
    g = Builder()
    g.output(g.op("Softplus", make(g)))
    return g.save(folder / "model.onnx")


every_case = pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)


@every_case
def test_the_graph_tells_both_axes(make: Callable[[Builder], str], tmp_path: Path) -> None:
    m, site = settled(network(make, tmp_path))
    sample, feature, length = CASES[make]
    assert (site.sample_axis, site.feature_axis) == (sample, feature)
    assert raw(m, site, feeds(m)).shape[feature] == length


@every_case
def test_another_sample_changes_its_own_rows_only(
    make: Callable[[Builder], str], tmp_path: Path
) -> None:
    m, site = settled(network(make, tmp_path))
    before = raw(m, site, feeds(m))
    for i in range(SAMPLES):
        differs = before != raw(m, site, feeds(m, changed=i))
        blocks = np.moveaxis(differs, site.sample_axis or 0, 0).reshape(SAMPLES, -1)
        assert [b.any() for b in blocks] == [j == i for j in range(SAMPLES)]


def raw(m: Measurement, site: ActivationSite, data: dict[str, Array]) -> Array:
    session = m.session(expose(m.model.proto, [site.output]).proto)
    return session.run([site.output], data)[site.output]


@st.composite
def reshapes(draw: st.DrawFn) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    """Letters, a shape, and another shape of as many elements."""
    factors = draw(st.lists(st.sampled_from([1, 2, 2, 3, 5]), min_size=1, max_size=6))

    def shape() -> tuple[int, ...]:
        cuts = sorted(draw(st.sets(st.integers(1, len(factors)), max_size=4)) | {len(factors)})
        return tuple(prod(factors[a:b]) for a, b in zip([0, *cuts], cuts, strict=False))

    old = shape()
    letters = "".join(draw(st.permutations(list("NC"[: len(old)] + "S" * (len(old) - 2)))))
    return letters, old, shape()


@given(reshapes())
def test_a_reshape_carries_letters_where_the_elements_go(case: tuple[Any, ...]) -> None:
    letters, old, new = case
    carried = reshaped(letters, old, new)
    assert len(carried) == len(new)
    places = dict(zip(letters, np.indices(old).reshape(len(old), *new), strict=True))
    for axis, letter in enumerate(carried):
        size = new[axis]
        along = np.arange(size).reshape([-1 if a == axis else 1 for a in range(len(new))])
        length = old[letters.index(letter)] if letter in letters else 0
        if letter == "N" and length:
            assume(size % length == 0)  # no batch is split
            np.testing.assert_array_equal(places["N"], along * length // size + 0 * places["N"])
        if letter == "C" and carried.count("C") == 1 and size == length:
            np.testing.assert_array_equal(places["C"], along + 0 * places["C"])


def test_symbols_match_by_name() -> None:
    assert reshaped("NSC", ("n", "t", 8), ("n", "t", 2, 4)) == "NSCC"
    assert reshaped("NCSS", ("n", 8, "h", "w"), ("n", 8, None)) == "NCS"
    assert reshaped("NSSC", ("n", "h", "w", 8), (None, 8)) == "NC"


@pytest.mark.parametrize("groups", [2, 3])
def test_the_features_come_back_behind_an_exported_group_normalisation(
    groups: int, tmp_path: Path
) -> None:
    g = Builder()
    x = image(g)
    grouped = g.op("Reshape", conv(g, x, 8, 6), g.tensor(np.array([0, groups, -1])))
    scale, bias = g.tensor(np.ones(groups)), g.tensor(np.zeros(groups))
    normed = g.op("InstanceNormalization", grouped, scale, bias)
    back = g.op("Reshape", normed, g.op("Shape", conv(g, x, 8, 6)))
    y = g.op("Relu", g.op("Mul", back, g.tensor(np.linspace(0.5, 1.5, 6).reshape(6, 1, 1))))
    g.output(g.op("GlobalAveragePool", y), ["n", 6, 1, 1])
    (site,) = Measurement(g.save(tmp_path / "m.onnx"), Options()).located().sites
    assert (site.sample_axis, site.feature_axis) == (0, 1)


@pytest.mark.parametrize(
    "op",
    [
        lambda g, x: g.op("ReduceSum", x, ints(g, 0), keepdims=0),
        lambda g, x: g.op("ArgMax", x, axis=0, keepdims=0),
        lambda g, x: g.op("Squeeze", x, ints(g, 0)),
        lambda g, x: g.op("Gather", x, ints(g, 0), axis=0),
    ],
    ids=["reduce", "arg-reduce", "squeeze", "gather"],
)
def test_an_axis_of_a_scalar_is_no_axis(op: Callable[[Builder, str], str], tmp_path: Path) -> None:
    """A damaged file may say so; nothing is known of what it makes, and nothing breaks."""
    g = Builder()
    x = g.input(["n", 4])
    g.output(g.op("Relu", x))
    g.output(op(g, g.op("ReduceSum", x, keepdims=0)))
    assert [site.activation for site in located(g, tmp_path).sites] == ["Relu"]


def test_an_axis_that_is_added_twice_says_nothing(tmp_path: Path) -> None:
    g = Builder()
    x = g.input(["n", 4])
    g.output(g.op("Relu", x))
    g.output(g.op("Unsqueeze", x, ints(g, 1, 1)))
    assert [site.activation for site in located(g, tmp_path).sites] == ["Relu"]
