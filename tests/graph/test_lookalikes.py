"""What looks like an activation and is none is no site, and says why."""

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
