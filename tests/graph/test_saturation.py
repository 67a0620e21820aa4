"""Flat ends are where the slope has gone, and taps count the elements there."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from onnx_affscore.graph.catalogue import FAMILIES
from onnx_affscore.graph.instrument import expose, instrument
from onnx_affscore.graph.saturation import FLAT, flat_ends, with_flat_ends
from onnx_affscore.records import ActivationSite, FloatArray, Role, TensorLayout

from .test_instrument import DIALECTS, SHAPE, feeds, layout, network, read, run

FORMS: dict[str, Callable[..., FloatArray]] = {family.name: family.form for family in FAMILIES}
PARAMETERS: list[tuple[str, dict[str, float | None]]] = [
    ("Relu", {}),
    ("ThresholdedRelu", {"alpha": 0.7}),
    ("SquaredRelu", {}),
    ("Elu", {"alpha": 1.0}),
    ("Celu", {"alpha": 2.0}),
    ("Selu", {}),
    ("Sigmoid", {}),
    ("HardSigmoid", {"alpha": 0.2, "beta": 0.5}),
    ("Tanh", {}),
    ("Tanh", {"softcap": 30.0}),
    ("Softsign", {}),
    ("Erf", {}),
    ("Clip", {"min": 0.0, "max": 6.0}),
    ("Clip", {"min": -1.1, "max": None}),
    ("Clip", {"min": None, "max": 3.3}),
]


def test_every_row_of_the_table_is_tested() -> None:
    assert {name for name, _ in PARAMETERS} == set(FLAT)


@pytest.mark.parametrize(("name", "params"), PARAMETERS)
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_the_slope_has_gone_at_an_end_and_has_not_elsewhere(
    name: str, params: dict[str, float | None], scale: float
) -> None:
    """Within 1 % of a bound an erf keeps 7 % of its slope, a softsign 0.04 %; what counts as at a
    bound by half precision is a few points of the grid."""
    x = np.linspace(-400.0, 400.0, 160_001) + 0.00137
    shift = 0.0 if scale == 1.0 else -0.3
    y = scale * FORMS[name](x, **params) + shift
    steps = np.diff(y) / np.diff(x)
    assert (steps >= -1e-9).all()  # else an output would not tell where it lies
    slope = np.minimum(np.append(steps, steps[-1]), np.append(steps[0], steps))
    steepest = {"SquaredRelu": 2.0, "ThresholdedRelu": 1.0}.get(name, slope.max() / scale)
    ends = flat_ends(name, {**params, "scale_out": scale, "shift_out": shift})
    assert ends is not None
    low, high = (end if end is not None else np.nan for end in ends)
    flat = (y.astype(np.float32) <= low) | (y.astype(np.float32) >= high)
    assert flat.any()
    assert np.count_nonzero(slope[flat] > 0.07 * scale * steepest) <= 4
    assert (slope[~flat] >= 1e-4 * scale * steepest).all()


def test_an_end_is_near_its_bound() -> None:
    assert flat_ends("Tanh", {}) == pytest.approx((-0.98, 0.98))
    assert flat_ends("Sigmoid", {"scale_out": 2.0, "shift_out": -1.0}) == pytest.approx(
        (-0.98, 0.98), abs=2e-3
    )
    assert flat_ends("Clip", {"min": 0.0, "max": 6.0}) == pytest.approx((0.006, 5.994))
    assert flat_ends("Relu", {}) == (0.0, None)


@pytest.mark.parametrize("name", ["Gelu", "Silu", "HardSwish", "LeakyRelu", "Custom", "MaxPool"])
def test_no_ends_where_an_output_does_not_tell_them(name: str) -> None:
    assert flat_ends(name, {"alpha": 0.1}) is None


def test_the_output_of_an_activation_keeps_its_ends_where_a_probe_ends_too() -> None:
    site = ActivationSite(0, "a", "Relu", {}, Role.HIDDEN, "", (), "x", "y")
    probe = replace(site, index=1, activation="Block", role=Role.PROBE, input="w")
    layouts = {name: TensorLayout("float32", 2, 0, 1) for name in "wxy"}
    found = with_flat_ends((site, probe), layouts)
    assert found["y"] == replace(layouts["y"], flat=(0.0, None))
    assert (found["x"], found["w"]) == (layouts["x"], layouts["w"])


@pytest.mark.parametrize("ends", [(0.0, None), (None, 0.9), (-0.5, 0.5)], ids=str)
@pytest.mark.parametrize(("opset", "ir", "dtype"), DIALECTS)
def test_taps_count_elements_at_the_ends_in_every_dialect(
    opset: int, ir: int, dtype: str, ends: tuple[float | None, float | None]
) -> None:
    g, before, behind = network(opset, ir, dtype)
    proto = g.proto()
    for name in (before, behind):
        raw = run(expose(proto, [name]).proto, [name], feeds(dtype))[name].astype(np.float64)
        low, high = (end if end is not None else np.nan for end in ends)
        expected = ((raw <= low) | (raw >= high)).mean(axis=(1, 2, 3))[:, None]
        made = instrument(proto, {name: replace(layout(dtype, 0, 3), flat=ends)})
        found = read(made, feeds(dtype), SHAPE[0])
        # A share of 24 elements, averaged in float32; none lies within half precision of an end.
        np.testing.assert_allclose(found["saturated"], expected, atol=1e-6)
        assert set(found) == {"features", "square", "sparsity", "saturated"}
    assert expected.any()


@pytest.mark.parametrize("opset", [6, 17])
def test_numbers_that_are_none_lie_at_no_end(opset: int) -> None:
    g, name, _ = network(opset)
    data = feeds()
    data["x"][1] = np.nan
    made = instrument(g.proto(), {name: replace(layout("float32", 0, 3), flat=(0.0, 0.1))})
    assert read(made, data, 6)["saturated"][1] == 0.0
