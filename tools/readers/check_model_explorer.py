"""Check node data by Model Explorer's own records, and their keys by its adapter's node ids."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import dacite
from model_explorer.node_data_builder import GraphNodeData
from model_explorer_onnx.main import ONNXAdapter


def check(model: Path) -> int:
    """Return how many sites are coloured; each that has a score must be."""
    content: dict[str, Any] = json.loads(model.with_suffix(".model-explorer.json").read_text())
    wanted = json.loads(model.with_suffix(".wanted").read_text())
    data = dacite.from_dict(GraphNodeData, content, config=dacite.Config(strict=True))
    assert json.loads(data.to_json_string())["results"] == content["results"], model
    ids = {n.id for graph in ONNXAdapter().convert(str(model), {})["graphs"] for n in graph.nodes}
    for site in wanted:
        node = site["nodes"][-1]
        assert node in ids, f"{model}: no node {node}"
        assert math.isclose(data.results[node].value, site["affinity"], rel_tol=1e-5), node
    return len(wanted)


if __name__ == "__main__":
    for path in sorted(Path(sys.argv[1]).glob("*.onnx")):
        print(f"Model Explorer, {path.name}: {check(path)} sites at their nodes")
