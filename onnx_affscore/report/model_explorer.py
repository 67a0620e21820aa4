"""Node data for Model Explorer: nodes coloured by affinity.

The form is what Model Explorer 0.1.34 reads (google-ai-edge/model-explorer,
node_data_provider_extension_service.ts and node_data_builder.py): an object with ``results`` by
the id of a node or the ``tensor_name`` of an output, for the graph that is shown. The adapter for
ONNX (justinchuby/model-explorer-onnx) takes the names of nodes as ids.
"""

import json
from typing import Any

from onnx_affscore.records import ScoredSite, Signature

__all__ = ["colour", "to_model_explorer"]

# An affinity of 0 is dark, one of 1 white: what stands out is what is not linear.
_DARK, _WHITE = (0x00, 0x56, 0x9A), (0xFF, 0xFF, 0xFF)
# A key that makes the reader take the file for one with graphs as its keys.
_TAKEN_FOR_A_GRAPH = "results"


def to_model_explorer(signature: Signature) -> str:
    """Render the node data: the affinity, at the node that puts out the activation.

    Only the last node of a site has the number, as Model Explorer adds up numbers by layers. Each
    has its own colour, as gradients there go from the least to the largest value of a file and
    would differ from model to model. Sites without a score have none here; of several sites with
    one last node the first counts.
    """
    results: dict[str, dict[str, Any]] = {}
    for site in signature.sites:
        key = _key(site)
        if site.affinity is not None and key != _TAKEN_FOR_A_GRAPH:
            value = float(f"{site.affinity:.6g}")
            results.setdefault(key, {"value": value, "bgColor": colour(value)})
    return json.dumps({"name": "affinity", "results": results}, indent=1) + "\n"


def colour(affinity: float) -> str:
    """Return the colour of an affinity, as #rrggbb; below 0 and above 1 as at the end.

    >>> colour(0.0), colour(1.0)
    ('#00569a', '#ffffff')
    """
    share = min(max(affinity, 0.0), 1.0)
    return "#" + "".join(
        f"{round(a + (b - a) * share):02x}" for a, b in zip(_DARK, _WHITE, strict=True)
    )


def _key(site: ScoredSite) -> str:
    return site.nodes[-1] if site.nodes else site.output
