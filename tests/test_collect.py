"""Rows are copied out of the runtime's memory, and combined many samples at a time."""

import numpy as np
import onnx

from onnx_affscore.collect import CHUNK, FeatureStore
from onnx_affscore.graph.instrument import Instrumented
from onnx_affscore.records import Array, TensorLayout
from onnx_affscore.taps import Combined, Tap

LAYOUT = TensorLayout("float32", 2, 0, 1)


def test_a_stored_row_is_no_view_of_what_was_fetched() -> None:
    tap = Tap("a", ("a",), lambda fetched, samples: fetched["a"])
    store = FeatureStore(
        Instrumented(onnx.ModelProto(), {("a", "features"): tap}, {}), {"a": LAYOUT}
    )
    fetched: dict[str, Array] = {"a": np.ones((3, 2), np.float32)}
    store.add(fetched, samples=3, kept=2)
    fetched["a"][:] = 7.0
    np.testing.assert_array_equal(store.rows(("a", "features")), np.ones((2, 2)))


def test_combined_rows_are_those_of_all_samples_in_order() -> None:
    sizes: list[int] = []

    def doubled(rows: dict[tuple[str, str], Array]) -> Array:
        sizes.append(len(rows["a", "features"]))
        return 2 * rows["a", "features"]

    tap = Tap("a", ("a",), lambda fetched, samples: fetched["a"])
    made = Combined((("a", "features"),), doubled)  # type: ignore[arg-type]
    tapped = Instrumented(onnx.ModelProto(), {("a", "features"): tap}, {("b", "features"): made})
    store = FeatureStore(tapped, {"b": LAYOUT})
    values = np.arange(2.0 * (CHUNK + 50), dtype=np.float32).reshape(-1, 2)
    for start in range(0, len(values), 30):
        part = values[start : start + 30]
        store.add({"a": part}, samples=len(part), kept=len(part))
    store.finish()
    np.testing.assert_array_equal(store.rows(("b", "features")), 2 * values)
    assert len(sizes) == 2
    assert ("a", "features") not in store


def test_rows_know_their_sample_where_a_sample_has_several() -> None:
    """Three rows a sample, then two, the last sample of the second batch being padding."""
    tap = Tap("a", ("a",), lambda fetched, samples: fetched["a"])
    tapped = Instrumented(onnx.ModelProto(), {("a", "features"): tap}, {})
    store = FeatureStore(tapped, {"a": LAYOUT})
    store.add({"a": np.ones((6, 4), np.float32)}, samples=2, kept=2)
    store.add({"a": np.ones((0, 4), np.float32)}, samples=1, kept=1)  # a branch not taken
    store.add({"a": np.ones((4, 4), np.float32)}, samples=2, kept=1)
    owners = store.owners(("a", "features"))
    assert owners is not None
    assert owners.tolist() == [0, 0, 0, 1, 1, 1, 3, 3]
    assert len(owners) == len(store.rows(("a", "features")))
    single = FeatureStore(tapped, {"a": LAYOUT})
    single.add({"a": np.ones((2, 4), np.float32)}, samples=2, kept=2)
    assert single.owners(("a", "features")) is None


def test_what_is_not_finite_is_no_warning_on_the_way_to_rows() -> None:
    """A mean of both infinities; warnings are errors here, and a score tells the samples."""
    tap = Tap("a", ("a",), lambda fetched, samples: fetched["a"].mean(axis=1))
    made = Combined((("a", "features"),), lambda rows: rows["a", "features"] * np.float32(3e38))
    tapped = Instrumented(onnx.ModelProto(), {("a", "features"): tap}, {("b", "features"): made})
    store = FeatureStore(tapped, {"a": LAYOUT, "b": LAYOUT})
    values = np.array([[[np.inf], [-np.inf]], [[3.0], [5.0]]], np.float32)
    store.add({"a": values}, samples=2, kept=2)
    store.finish()
    assert np.isnan(store.rows(("a", "features"))[0, 0])
    assert np.isinf(store.rows(("b", "features"))[1, 0])
