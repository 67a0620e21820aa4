"""What looks like an activation and is none is no site, and says why."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from tests.builder import Builder, located
from tests.graph.lookalike_graphs import LOOKALIKE_GRAPHS


def test_there_are_at_least_sixty_graphs() -> None:
    assert len(LOOKALIKE_GRAPHS) >= 60


@pytest.mark.parametrize("name", LOOKALIKE_GRAPHS)
def test_a_graph_of_look_alikes_has_no_site(name: str, tmp_path: Path) -> None:
    g = Builder()
    LOOKALIKE_GRAPHS[name](g)
    onnx.checker.check_model(g.proto())  # a graph that is no ONNX would prove nothing
    found = located(g, tmp_path)
    assert not found.sites, found.sites
    assert all(s.reason for s in found.skipped)


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda g, x: g.op("Add", g.op("Relu", x), g.op("Sqrt", x)), ["Relu"]),
        (lambda g, x: g.op("Relu", g.op("Log", x)), ["Relu"]),
        (lambda g, x: g.op("Sigmoid", g.op("Sqrt", g.op("Tanh", x))), ["Tanh", "Sigmoid"]),
        (lambda g, x: g.op("Log", g.op("Sqrt", x)), []),
    ],
    ids=["beside a root", "behind a logarithm", "around a root", "none"],
)
def test_what_is_not_defined_for_all_numbers_hides_no_activation(
    make: Callable[[Builder, str], str], names: list[str], tmp_path: Path
) -> None:
    g = Builder()
    g.output(g.dense(make(g, g.dense(g.input(["n", 4]), 4, 4)), 4, 2), ["n", 2])
    found = located(g, tmp_path)
    assert [site.activation for site in found.sites] == names
    assert {s.reason for s in found.skipped} == {
        "a root, a logarithm or a quotient: not defined for all numbers"
    }
