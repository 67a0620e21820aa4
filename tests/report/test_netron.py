"""The attachment shows every score where Netron looks for it.

``_sidebar`` is Netron's reader (lutzroeder/netron, source/view.js, ``metadata.Attachment``) in our
words: what it does not take is not shown, and nobody is told.
"""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest

from onnx_affscore import Signature
from onnx_affscore import signature as score
from onnx_affscore.report.netron import to_netron

MODELS = Path(__file__).parent.parent.parent / "models"


def _sidebar(content: str, section: str, kind: str, name: str) -> dict[str, Any]:
    """Return what a section of the sidebar shows of a node, a value or the model."""
    data = json.loads(content, parse_constant=lambda word: pytest.fail(f"no JSON: {word}"))
    if data.get("signature") != "netron:attachment" or not isinstance(data.get(section), list):
        return {}
    shown: dict[str, dict[str, Any]] = {}
    for item in data[section]:
        if item.get("kind") and "target" in item:
            shown.setdefault(f"{item['kind']}::{item['target']}", {})[item["name"]] = item["value"]
    if not name and kind != "model":
        return {}
    return shown.get(f"{kind}::{name.partition(chr(10))[0]}", {})


def _close(shown: float | None, score: float | None) -> bool:
    """Whether a score is shown as it is, to the six digits that are written."""
    if shown is None or score is None:
        return shown is score
    return math.isclose(shown, score, rel_tol=1e-5)


def test_each_score_is_at_every_node_of_its_site_and_at_its_output(signature: Signature) -> None:
    content = to_netron(signature)
    for site in signature.sites:
        for kind, name in [*(("node", n) for n in site.nodes), ("value", site.output)]:
            assert _close(_sidebar(content, "metrics", kind, name).get("affinity"), site.affinity)
            said = _sidebar(content, "metadata", kind, name)
            assert (said["activation"], said["site"]) == (site.activation, site.name)
            assert said["affinity: status"].startswith(site.status)


def test_a_site_without_a_score_says_why(signature: Signature) -> None:
    content = to_netron(signature)
    site = next(s for s in signature.sites if s.status == "degenerate")
    assert "affinity" not in _sidebar(content, "metrics", "node", site.nodes[0])
    said = _sidebar(content, "metadata", "node", site.nodes[0])
    assert said["affinity: status"] == "degenerate: the output is constant up to rounding"


def test_the_model_has_the_summary_and_says_what_was_measured(signature: Signature) -> None:
    content = to_netron(signature)
    assert _close(
        _sidebar(content, "metrics", "model", "")["affinity: mean"], signature.summary["mean"]
    )
    assert (
        _sidebar(content, "metadata", "model", "")["affinity: model sha256"]
        == signature.model.sha256
    )


def test_of_sites_that_share_a_node_none_hides_another(signature: Signature) -> None:
    gates = tuple(replace(s, nodes=("LSTM",), output=f"y{s.index}") for s in signature.sites[:4:2])
    content = to_netron(replace(signature, sites=gates))
    shown = _sidebar(content, "metrics", "node", "LSTM")
    for site in gates:
        assert _close(shown[f"affinity ({site.name})"], site.affinity)
        assert _sidebar(content, "metrics", "value", site.output)["affinity"]


@pytest.mark.parametrize("name", ["torch_resnet", "torch_convnext", "keras_cnn", "jax_cnn"])
def test_the_nodes_of_real_files_show_the_scores(name: str) -> None:
    path = MODELS / f"{name}.onnx"
    found = score(path, [str(MODELS / "digits.npz")], samples=64)
    content = to_netron(found)
    nodes = {node.name: node for node in onnx.load(path).graph.node}
    for site in found.sites:
        node = nodes[site.nodes[-1]]
        assert site.output in node.output
        for kind, place in (("node", node.name), ("value", node.output[0])):
            assert _close(_sidebar(content, "metrics", kind, place).get("affinity"), site.affinity)


def test_the_reader_of_this_test_drops_what_netron_drops() -> None:
    wrong = {"signature": "netron:attachment", "metrics": [{"kind": "node", "name": "a"}]}
    assert _sidebar(json.dumps(wrong), "metrics", "node", "a") == {}
    unsigned = {"metrics": [{"kind": "node", "target": "a", "name": "b", "value": 1}]}
    assert _sidebar(json.dumps(unsigned), "metrics", "node", "a") == {}
