"""The node data colour the nodes of the graph that Model Explorer shows.

``_loaded`` is its reader (google-ai-edge/model-explorer, node_data_provider_extension_service.ts)
in our words, for a graph whose node ids are the names of nodes, as the ONNX adapter has it.
"""

import doctest
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest

from onnx_affscore import Signature
from onnx_affscore import signature as score
from onnx_affscore.report import model_explorer
from onnx_affscore.report.model_explorer import colour, to_model_explorer

MODELS = Path(__file__).parent.parent.parent / "models"


def _loaded(content: str, graph: str = "main_graph") -> dict[str, Any]:
    """Return the results by node that are shown for a graph."""
    data = json.loads(content, parse_constant=lambda word: pytest.fail(f"no JSON: {word}"))
    alone = data.get("results") is not None and data["results"].get("results") is None
    of_graph = data if alone else data.get(graph, {})
    for result in of_graph.get("results", {}).values():
        assert set(result) <= {"value", "bgColor", "textColor"}
        assert type(result["value"]) in (int, float)
        assert re.fullmatch(r"#[0-9a-f]{6}", result["bgColor"])
    results: dict[str, Any] = of_graph.get("results", {})
    return results


def test_every_scored_site_colours_its_last_node(signature: Signature) -> None:
    shown = _loaded(to_model_explorer(signature))
    scored = [s for s in signature.sites if s.affinity is not None]
    assert len(shown) == len(scored)
    for site in scored:
        value = shown[site.nodes[-1]]["value"]
        assert value == pytest.approx(site.affinity, rel=1e-5)
        assert shown[site.nodes[-1]]["bgColor"] == colour(value)


def test_a_node_called_results_does_not_hide_the_others(signature: Signature) -> None:
    first, *others = (s for s in signature.sites if s.affinity is not None)
    named = replace(signature, sites=(replace(first, nodes=("results",)), *others))
    assert len(_loaded(to_model_explorer(named))) == len(others)


def test_the_less_linear_the_darker() -> None:
    shades = [int(colour(step / 100)[1:3], 16) for step in range(101)]
    assert shades == sorted(shades)
    assert (colour(-0.1), colour(1.1)) == (colour(0.0), colour(1.0))


@pytest.mark.parametrize("name", ["torch_resnet", "torch_convnext", "keras_cnn", "jax_cnn"])
def test_the_ids_are_names_of_nodes_of_the_file(name: str) -> None:
    path = MODELS / f"{name}.onnx"
    found = score(path, [str(MODELS / "digits.npz")], samples=64)
    shown = _loaded(to_model_explorer(found))
    assert shown
    assert set(shown) <= {node.name for node in onnx.load(path).graph.node}


def test_a_site_without_nodes_is_found_by_its_output(signature: Signature) -> None:
    site = replace(signature.sites[0], nodes=())
    assert set(_loaded(to_model_explorer(replace(signature, sites=(site,))))) == {site.output}


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(model_explorer).failed == 0
