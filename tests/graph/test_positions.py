"""A table of places that the graph counts itself says how many tokens the model takes."""

import numpy as np
import pytest

from onnx_affscore.graph.hints import input_hints
from onnx_affscore.graph.positions import most_tokens
from tests.builder import Builder


def counted(g: Builder, how: str) -> str:
    """The places of the tokens of an input, as exporters write them."""
    ids = g.input(["n", "t"], "input_ids", "int64")
    number = g.op("Gather", g.op("Shape", ids), g.const(np.array(1)), axis=0)
    one = g.tensor(np.array([1]))
    steps = g.op("Range", g.const(np.array(0)), number, g.const(np.array(1)))
    match how:
        case "range":
            return g.op("Unsqueeze", steps, g.tensor(np.array([0])))
        case "buffer":  # BERT: positions are stored and cut off
            buffer = g.tensor(np.arange(40)[None])
            end = g.op("Unsqueeze", number, g.tensor(np.array([0])))
            return g.op("Slice", buffer, g.tensor(np.array([0])), end, one, one)
        case "behind two":  # BART
            return g.op("Add", steps, g.const(np.array(2)))
        case "buckets":  # T5: far tokens share a row
            return g.op("Min", steps, g.const(np.array(7)))
        case "given":
            return ids
        case "fixed":
            return g.tensor(np.arange(8))
        case _:
            raise NotImplementedError(how)


CASES = {"range": 40, "buffer": 40, "behind two": 38, "buckets": None, "given": None, "fixed": None}


@pytest.mark.parametrize(("how", "expected"), CASES.items())
def test_places_counted_by_a_shape_have_a_table(how: str, expected: int | None) -> None:
    g = Builder()
    places = counted(g, how)
    g.output(g.op("Gather", g.tensor(np.zeros((40, 3))), places), None)
    model = g.proto()
    assert most_tokens(model.graph) == expected
    assert [h.places for h in input_hints(model)] == [expected]
