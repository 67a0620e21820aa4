"""An attachment for Netron: scores in the sidebar of the nodes and tensors of a model.

The form is what Netron 9.3 reads (lutzroeder/netron, source/view.js, ``metadata.Attachment``): a
JSON file whose ``signature`` is ``netron:attachment``, dropped onto the open model. ``metadata``
and ``metrics`` are lists of items; an item with a ``kind`` (model, node, value) and a ``target``,
the name of the node or tensor, empty for the model, shows ``name`` and ``value`` there.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from onnx_affscore.records import Role, ScoredSite, Signature

__all__ = ["to_netron"]

_SIGNATURE = "netron:attachment"
_MODEL = ("model", "")


def to_netron(signature: Signature) -> str:
    """Render the attachment: every number of a site at each of its nodes and at its output.

    Of two items with one name at one place Netron shows the last; where a node or tensor belongs
    to several sites (the gates of an LSTM) the names therefore carry that of the site.
    """
    shared = Counter(place for site in signature.sites for place in _places(site))
    metadata = [_item(_MODEL, f"affinity: {k}", v) for k, v in _origin(signature)]
    metrics = [
        _item(_MODEL, f"affinity: {name}", _rounded(value))
        for name, value in signature.summary.items()
        if value is not None
    ]
    for site in signature.sites:
        for place in _places(site):
            suffix = f" ({site.name})" if shared[place] > 1 else ""
            metadata += [_item(place, f"{name}{suffix}", value) for name, value in _said(site)]
            metrics += [
                _item(place, f"{name}{suffix}", _rounded(value))
                for name, value in site.scores.items()
                if isinstance(value, float | int)
            ]
    content = {"signature": _SIGNATURE, "metadata": metadata, "metrics": metrics}
    return json.dumps(content, indent=1) + "\n"


def _places(site: ScoredSite) -> list[tuple[str, str]]:
    """Where a site is; a probe, which may span the network, at its last node.

    Of a name Netron compares the first line.
    """
    names = site.nodes[-1:] if site.role == Role.PROBE else site.nodes
    nodes = [("node", name) for name in dict.fromkeys(names)]
    places = [*nodes, ("value", site.output)]
    return [(kind, name.partition("\n")[0]) for kind, name in places if name]


def _origin(signature: Signature) -> Iterator[tuple[str, str]]:
    """Which model and data the scores are of."""
    yield "model sha256", signature.model.sha256
    for key in ("source", "samples", "sha256"):
        if (value := signature.data.get(key)) is not None:
            yield f"data {key}", str(value)


def _said(site: ScoredSite) -> Iterator[tuple[str, str]]:
    """What is said of a site in words."""
    yield "activation", site.activation
    yield "site", site.name
    yield "role", site.role
    yield "affinity: status", f"{site.status}: {site.reason}" if site.reason else site.status
    for key, words in (("covariance", site.scores), ("verdict", site.adequacy)):
        if value := words.get(key):
            yield f"affinity: {key}", str(value)


def _item(place: tuple[str, str], name: str, value: str | float) -> dict[str, Any]:
    kind, target = place
    return {"kind": kind, "target": target, "name": name, "value": value}


def _rounded(value: float) -> float:
    """Six digits: the sidebar shows a number in full."""
    return value if isinstance(value, int) else float(f"{value:.6g}")
