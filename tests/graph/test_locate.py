"""Where one activation ends and the next begins: series, branches, interiors, channels, roles."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from onnx_affscore.records import ActivationSite
from tests.builder import Builder, located
from tests.graph.spellings import gelu_tensorflow, gelu_torch, silu

Write = Callable[[Builder, str], str]


def _sites(tmp_path: Path, inner: Write, *, width: int = 8, last: int = 8) -> list[ActivationSite]:
    """Weights, something, weights; graph outputs that ``inner`` adds stay."""
    g = Builder()
    x = g.dense(g.input(["n", 8]), 8, width)
    y = g.dense(inner(g, x), last, 4)
    g.output(y, ["n", 4])
    return list(located(g, tmp_path).sites)


def _names(sites: list[ActivationSite]) -> list[str]:
    return [s.activation for s in sites]


@pytest.mark.parametrize(
    ("chain", "names"),
    [
        (("Relu", "Tanh"), ["Relu", "Tanh"]),
        (("Tanh", "Relu"), ["Tanh", "Relu"]),
        (("Sigmoid", "Tanh", "Softplus"), ["Sigmoid", "Tanh", "Softplus"]),
        (("LeakyRelu", "Sigmoid"), ["LeakyRelu", "Sigmoid"]),
        (("Tanh", "Identity", "Tanh"), ["Tanh", "Tanh"]),
    ],
)
def test_activations_in_series_are_sites_of_their_own(
    chain: tuple[str, ...], names: list[str], tmp_path: Path
) -> None:
    def inner(g: Builder, x: str) -> str:
        for kind in chain:
            x = g.op(kind, x)
        return x

    sites = _sites(tmp_path, inner)
    assert _names(sites) == names
    assert all(a.output == b.input for a, b in pairwise(sites)) or ("Identity" in chain)


def test_a_scaling_between_two_activations_does_not_join_them(tmp_path: Path) -> None:
    def inner(g: Builder, x: str) -> str:
        return g.op("Tanh", g.op("Add", g.op("Mul", g.op("Relu", x), 0.5), -1.0))

    assert _names(_sites(tmp_path, inner)) == ["Relu", "Tanh"]


def test_a_tensor_that_feeds_two_activations_gives_two_sites(tmp_path: Path) -> None:
    def inner(g: Builder, x: str) -> str:
        return g.op("Concat", g.op("Relu", x), g.op("Tanh", x), axis=1)

    sites = _sites(tmp_path, inner, last=16)
    assert _names(sites) == ["Relu", "Tanh"]
    assert sites[0].input == sites[1].input


def test_the_same_activation_twice_on_one_tensor_is_two_sites(tmp_path: Path) -> None:
    def inner(g: Builder, x: str) -> str:
        return g.op("Concat", g.op("Relu", x), g.op("Relu", x), axis=1)

    assert _names(_sites(tmp_path, inner, last=16)) == ["Relu", "Relu"]


def test_an_interior_that_is_a_graph_output_is_no_site_of_its_own(tmp_path: Path) -> None:
    def inner(g: Builder, x: str) -> str:
        gate = g.op("Sigmoid", x)
        g.output(gate, ["n", 8])
        return g.op("Mul", x, gate)

    assert _names(_sites(tmp_path, inner)) == ["Silu"]


def test_an_interior_that_other_weights_use_is_an_activation_too(tmp_path: Path) -> None:
    def inner(g: Builder, x: str) -> str:
        gate = g.op("Sigmoid", x)
        return g.op("Add", g.op("Mul", x, gate), g.dense(gate, 8, 8, seed=5))

    assert sorted(_names(_sites(tmp_path, inner))) == ["Sigmoid", "Silu"]


def test_an_affine_interior_used_elsewhere_changes_nothing(tmp_path: Path) -> None:
    def inner(g: Builder, x: str) -> str:
        half = g.op("Mul", 0.5, x)
        gate = g.op("Add", 1.0, g.op("Erf", g.op("Mul", x, 0.70710678)))
        return g.op("Add", g.op("Mul", half, gate), g.dense(half, 8, 8, seed=5))

    assert _names(_sites(tmp_path, inner)) == ["Gelu"]


@pytest.mark.parametrize("write", [gelu_torch, silu])
def test_a_skip_around_an_activation_is_not_part_of_it(write: Write, tmp_path: Path) -> None:
    (site,) = _sites(tmp_path, lambda g, x: g.op("Add", x, write(g, x)))
    assert site.activation in ("Gelu", "Silu")
    assert not site.output.startswith("add")


def test_a_skip_around_a_relu_is_no_leaky_relu(tmp_path: Path) -> None:
    assert _names(_sites(tmp_path, lambda g, x: g.op("Add", x, g.op("Relu", x)))) == ["Relu"]


def test_what_no_family_computes_is_custom_with_a_stable_fingerprint(tmp_path: Path) -> None:
    def snake(g: Builder, x: str) -> str:
        return g.op("Add", x, g.op("Pow", g.op("Sin", x), 2.0))

    def snake_again(g: Builder, x: str) -> str:
        s = g.op("Sin", x)
        return g.op("Add", g.op("Mul", s, s), x)

    (one,), (two,) = _sites(tmp_path, snake), _sites(tmp_path, snake_again)
    assert one.activation == two.activation == "Custom"
    assert one.params["fingerprint"] == two.params["fingerprint"]
    (other,) = _sites(tmp_path, lambda g, x: g.op("Add", x, g.op("Sin", g.op("Cos", x))))
    assert other.params["fingerprint"] != one.params["fingerprint"]


def test_an_affine_map_around_a_family_is_recorded(tmp_path: Path) -> None:
    """2x sigmoid(x + 1) + ... cannot be cut into affine parts and a family."""

    def inner(g: Builder, x: str) -> str:
        moved = g.op("Add", g.op("Mul", x, 2.0), 1.0)
        return g.op("Mul", g.op("Add", g.op("Mul", x, 6.0), 3.0), g.op("Sigmoid", moved))

    (site,) = _sites(tmp_path, inner)
    assert site.activation == "Silu"
    assert site.params["scale_out"] == pytest.approx(3.0, rel=1e-3)
    assert site.params["scale_in"] == pytest.approx(2.0, rel=1e-3)
    assert site.params["shift_in"] == pytest.approx(1.0, abs=1e-3)


def test_a_prelu_has_its_slope_of_every_channel(tmp_path: Path) -> None:
    slopes = np.linspace(0.1, 0.4, 8)
    (site,) = _sites(tmp_path, lambda g, x: g.op("PRelu", x, g.tensor(slopes)))
    assert site.activation == "PRelu"
    assert site.params["slope"] == pytest.approx(list(slopes), rel=1e-6)


def test_a_prelu_of_two_relus_has_its_slope_of_every_channel(tmp_path: Path) -> None:
    slopes = np.linspace(0.1, 0.4, 8)

    def keras(g: Builder, x: str) -> str:
        negative = g.op("Mul", g.tensor(-slopes), g.op("Relu", g.op("Neg", x)))
        return g.op("Add", g.op("Relu", x), negative)

    (site,) = _sites(tmp_path, keras)
    assert site.activation == "PRelu"
    assert site.params["slope"] == pytest.approx(list(slopes), rel=1e-5)


def test_a_learned_swish_has_its_beta_of_every_channel(tmp_path: Path) -> None:
    betas = np.linspace(0.5, 2.0, 8)

    def inner(g: Builder, x: str) -> str:
        return g.op("Mul", x, g.op("Sigmoid", g.op("Mul", g.tensor(betas), x)))

    (site,) = _sites(tmp_path, inner)
    assert site.activation == "Swish"
    assert site.params["beta"] == pytest.approx(list(betas), rel=1e-5)


def test_a_scale_of_every_channel_bounds_a_region(tmp_path: Path) -> None:
    """A batch normalisation folded to Mul and Add is no part of the ReLU behind it."""

    def inner(g: Builder, x: str) -> str:
        scaled = g.op("Mul", x, g.tensor(np.linspace(1, 2, 8)))
        return g.op("Relu", g.op("Add", scaled, g.tensor(np.linspace(-1, 1, 8))))

    (site,) = _sites(tmp_path, inner)
    assert site.activation == "Relu"
    assert site.input.startswith("add")


def test_quantisation_is_looked_through(tmp_path: Path) -> None:
    def inner(g: Builder, x: str) -> str:
        scale, zero = g.tensor(0.05), g.tensor(np.int8(3), "int8")
        quantised = g.op("QuantizeLinear", g.op("Relu", x), scale, zero)
        return g.op("DequantizeLinear", quantised, scale, zero)

    (site,) = _sites(tmp_path, inner)
    assert site.activation == "Relu"
    assert site.output.startswith("relu")  # before its rounding


def test_a_squeeze_and_excitation_gate_is_a_gate(tmp_path: Path) -> None:
    def inner(g: Builder, x: str) -> str:
        trunk = g.op("Relu", x)
        squeezed = g.op("Relu", g.dense(trunk, 8, 2, seed=2))
        return g.op("Mul", trunk, g.op("Sigmoid", g.dense(squeezed, 2, 8, seed=3)))

    sites = _sites(tmp_path, inner)
    assert [(s.activation, str(s.role)) for s in sites] == [
        ("Relu", "hidden"), ("Relu", "hidden"), ("Sigmoid", "gate"),
    ]  # fmt: skip


@pytest.mark.parametrize(("write", "name"), [(gelu_tensorflow, "Gelu"), (silu, "Silu")])
def test_a_gated_linear_unit_is_an_activation_with_the_role_gate(
    write: Write, name: str, tmp_path: Path
) -> None:
    def inner(g: Builder, x: str) -> str:
        return g.op("Mul", write(g, x), g.dense(x, 8, 8, seed=4))

    (site,) = _sites(tmp_path, inner)
    assert (site.activation, site.role) == (name, "gate")


def test_softmax_is_attention_between_two_products_and_a_head_at_the_end(tmp_path: Path) -> None:
    g = Builder()
    x = g.input(["n", 5, 8])
    query, key, value = (g.dense(x, 8, 8, seed=s) for s in range(3))
    scores = g.op("MatMul", query, g.op("Transpose", key, perm=[0, 2, 1]))
    mixed = g.op("MatMul", g.op("Softmax", g.op("Mul", scores, 0.35), axis=-1), value)
    g.output(g.op("Softmax", g.dense(mixed, 8, 3), axis=-1), ["n", 5, 3])
    sites = located(g, tmp_path).sites
    assert [(s.activation, str(s.role)) for s in sites] == [
        ("Softmax", "attention"), ("Softmax", "head"),
    ]  # fmt: skip


def test_a_softmax_that_chooses_experts_is_a_router(tmp_path: Path) -> None:
    g = Builder()
    x = g.input(["n", 8])
    weights = g.op("Softmax", g.dense(x, 8, 4), axis=-1)
    best = g.op("TopK", weights, g.tensor([2], "int64"), outputs=2)
    g.output(g.dense(g.op("Mul", best, 2.0), 2, 3), ["n", 3])
    (site,) = located(g, tmp_path).sites
    assert site.role == "router"


def test_nodes_out_of_order_are_found_in_execution_order(tmp_path: Path) -> None:
    g = Builder()
    x = g.dense(g.input(["n", 8]), 8, 8)
    y = g.op("Tanh", g.dense(g.op("Relu", x), 8, 8))
    g.output(g.dense(y, 8, 4), ["n", 4])
    g.nodes.reverse()
    assert [s.activation for s in located(g, tmp_path).sites] == ["Relu", "Tanh"]


def test_empty_and_equal_node_names_still_give_unique_sites(tmp_path: Path) -> None:
    for name in ("", "same"):
        g = Builder()
        x = g.dense(g.input(["n", 8]), 8, 8)
        for _ in range(3):
            x = g.dense(g.op("Relu", x, node_name=name), 8, 8)
        g.output(x, ["n", 8])
        names = [s.name for s in located(g, tmp_path).sites]
        assert len(set(names)) == 3
        assert all(names)


@pytest.mark.parametrize("ir", [3, 4, 8])
@pytest.mark.parametrize("opset", [7, 9, 11, 13, 17])
def test_old_files_are_read_like_new_ones(ir: int, opset: int, tmp_path: Path) -> None:
    g = Builder(opset=opset, ir=ir, dialect="initialisers")
    x = g.dense(g.input(["n", 8]), 8, 8)
    y = silu(g, g.dense(g.op("LeakyRelu", x, alpha=0.1), 8, 8))
    g.output(g.dense(y, 8, 4), ["n", 4])
    found = located(g, tmp_path)
    assert [s.activation for s in found.sites] == ["LeakyRelu", "Silu"]
    assert [s.feature_axis for s in found.sites] == [1, 1]


@pytest.mark.parametrize(
    ("kind", "operands", "name"),
    [
        ("Clip", (-10.0, 10.0), "Clip"),
        ("Min", (20.0,), "Clip"),
        ("Max", (-30.0,), "Clip"),
    ],
)
def test_an_activation_that_bends_far_out_is_not_overlooked(
    kind: str, operands: tuple[float, ...], name: str, tmp_path: Path
) -> None:
    assert _names(_sites(tmp_path, lambda g, x: g.op(kind, x, *operands))) == [name]


@pytest.mark.parametrize("shift", [-100.0, -9.0, 10.0])
def test_a_shifted_rectifier_is_still_a_relu(shift: float, tmp_path: Path) -> None:
    assert _names(_sites(tmp_path, lambda g, x: g.op("Relu", g.op("Add", x, shift)))) == ["Relu"]


def test_thresholds_far_out_are_read_off(tmp_path: Path) -> None:
    (site,) = _sites(tmp_path, lambda g, x: g.op("ThresholdedRelu", x, alpha=20.0))
    assert (site.activation, site.params["alpha"]) == ("ThresholdedRelu", pytest.approx(20.0))
    (site,) = _sites(tmp_path, lambda g, x: g.op("Shrink", x, lambd=9.0))
    assert (site.activation, site.params["lambd"]) == ("HardShrink", pytest.approx(9.0))


def test_a_path_that_comes_back_to_its_shape_is_looked_through(tmp_path: Path) -> None:
    def inner(g: Builder, x: str) -> str:
        wide = g.op("Unsqueeze", x, g.tensor([2], "int64"))
        flat = g.op("Reshape", wide, g.tensor([0, 8], "int64"))
        return g.op("Mul", x, g.op("Sigmoid", flat))

    assert _names(_sites(tmp_path, inner)) == ["Silu"]


def test_a_transposed_factor_is_another_tensor(tmp_path: Path) -> None:
    """x * sigmoid(x^T) mixes elements: no function of one number."""
    g = Builder()
    x = g.dense(g.input([8, 8]), 8, 8)
    y = g.op("Mul", x, g.op("Sigmoid", g.op("Transpose", x, perm=[1, 0])))
    g.output(g.dense(y, 8, 4), [8, 4])
    assert [s.activation for s in located(g, tmp_path).sites] == ["Sigmoid"]


def test_a_bias_in_front_of_a_learned_slope_is_no_part_of_it(tmp_path: Path) -> None:
    def inner(g: Builder, x: str) -> str:
        y = g.op("Add", x, g.tensor(np.linspace(-1, 1, 8)))
        negative = g.op("Mul", g.tensor(np.linspace(0.1, 0.4, 8)), g.op("Relu", g.op("Neg", y)))
        return g.op("Sub", g.op("Relu", y), negative)

    (site,) = _sites(tmp_path, inner)
    assert site.activation == "PRelu"
    assert site.input.startswith("add")


def test_constants_expanded_to_a_computed_shape_are_constants(tmp_path: Path) -> None:
    def inner(g: Builder, x: str) -> str:
        scale = g.op("Expand", g.const(0.70710678), g.op("Shape", x))
        gate = g.op("Add", g.op("Erf", g.op("Mul", x, scale)), 1.0)
        return g.op("Mul", x, g.op("Mul", gate, 0.5))

    assert _names(_sites(tmp_path, inner)) == ["Gelu"]


def test_weights_on_the_left_make_features_of_rows(tmp_path: Path) -> None:
    g = Builder()
    rows = g.op("Gemm", g.tensor(np.ones((16, 8))), g.input(["n", 8]), transB=1)
    g.output(g.op("MatMul", g.tensor(np.ones((4, 16))), g.op("Relu", rows)), [4, "n"])
    (site,) = located(g, tmp_path).sites
    assert (site.feature_axis, site.sample_axis) == (0, 1)


def test_features_split_in_groups_are_read_as_the_convolution_behind_reads_them(
    tmp_path: Path,
) -> None:
    g = Builder()
    x = g.input(["n", 8, 6, 6])
    groups = g.op("Reshape", x, g.tensor([0, 4, -1], "int64"))
    normal = g.op("InstanceNormalization", groups, g.tensor(np.ones(4)), g.tensor(np.zeros(4)))
    y = silu(g, g.op("Reshape", normal, g.op("Shape", x)))
    g.output(g.op("Conv", y, g.tensor(np.ones((3, 8, 1, 1)))), ["n", 3, 6, 6])
    (site,) = located(g, tmp_path).sites
    assert site.feature_axis == 1
