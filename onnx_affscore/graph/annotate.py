"""Scores in the metadata of a copy of a model; nothing of what it computes is touched.

Every key begins with ``onnx_affscore.``. The model has ``model_sha256``, ``data_sha256``,
``method_version`` and ``summary`` (JSON). Each node of a site has ``site``, ``activation``,
``status``, ``reason`` and whatever there is of ``affinity``, ``affinity_low``, ``affinity_high``
and ``covariance``; the keys of a second site at one node end in ``#2``. Nodes have metadata from
IR version 10 on: in older files each key is a line of the node's ``doc_string``.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import onnx

from onnx_affscore.errors import ModelError
from onnx_affscore.graph.model import LoadedModel
from onnx_affscore.graph.names import printable
from onnx_affscore.graph.view import graphs
from onnx_affscore.records import Role, ScoredSite, Signature

__all__ = ["PREFIX", "Annotated", "annotate", "with_nodes_of"]

PREFIX = "onnx_affscore."
_NODES_HAVE_METADATA = 10  # the IR version that added NodeProto.metadata_props
_SCORES = ("affinity", "affinity_low", "affinity_high", "covariance")


@final
@dataclass(frozen=True, slots=True)
class Annotated:
    """A copy of a model with scores in it; ``unplaced`` are the sites of which it has no node."""

    proto: onnx.ModelProto
    placed: int
    unplaced: tuple[str, ...]


def annotate(model: LoadedModel, signature: Signature, *, force: bool = False) -> Annotated:
    """Return a copy of ``model`` with the scores of ``signature``; earlier ones are dropped.

    Raises :class:`ModelError` where the signature is of another file, unless ``force`` is given.
    """
    if not force:
        _refuse_another(
            model, signature, cure="or --force where the names of its nodes are the same"
        )
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    _forget(proto)
    for key, value in _of_model(signature):
        proto.metadata_props.add(key=PREFIX + key, value=value)
    places, seen, unplaced = _Places(proto), dict[int, int](), list[str]()
    for site in signature.sites:
        nodes = places.of(site)
        if not nodes:
            unplaced.append(site.name)
        for node in nodes:
            count = seen[id(node)] = seen.get(id(node), 0) + 1
            suffix = f"#{count}" if count > 1 else ""
            entries = [(f"{PREFIX}{key}{suffix}", value) for key, value in _of_site(site)]
            _write(node, entries, metadata=proto.ir_version >= _NODES_HAVE_METADATA)
    return Annotated(proto, len(signature.sites) - len(unplaced), tuple(unplaced))


def with_nodes_of(model: LoadedModel, signature: Signature) -> Signature:
    """Return the signature with the nodes that the file itself has.

    Fused operators and functions are opened up before they are scored: a site inside one names
    nodes that the file does not have. Here it names the operator or the call that holds it.
    Raises :class:`ModelError` where the signature is of another file.
    """
    _refuse_another(model, signature, cure="or give the file that was scored")
    places = _Places(model.proto)
    sites = [
        replace(s, nodes=tuple(dict.fromkeys(_label(n) for n in places.of(s))))
        for s in signature.sites
    ]
    return replace(signature, sites=tuple(sites))


def _refuse_another(model: LoadedModel, signature: Signature, *, cure: str) -> None:
    if model.info.sha256 != signature.model.sha256:
        raise ModelError(
            f"the signature is of another file ({signature.model.path}, sha256"
            f" {signature.model.sha256[:12]}) than {model.info.path} ({model.info.sha256[:12]});"
            f" score this file, {cure}"
        )


@final
class _Places:
    """Finds the nodes of a file that a site is of."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        # Held on to: protobuf makes a new Python object at each access otherwise.
        self.nodes = [node for graph in graphs(proto.graph) for node in graph.node]
        self.by_label: dict[str, list[onnx.NodeProto]] = {}
        for node in self.nodes:
            self.by_label.setdefault(_label(node), []).append(node)

    def of(self, site: ScoredSite) -> list[onnx.NodeProto]:
        """Return the nodes of an activation; of a probe, which may span the network, the last."""
        labels = site.nodes[-1:] if site.role == Role.PROBE else site.nodes
        found = [node for label in labels for node in self._at(label, site)]
        return list({id(node): node for node in found}.values())

    def _at(self, label: str, site: ScoredSite) -> Sequence[onnx.NodeProto]:
        """Nodes of a name; else the one that was opened up: its parts are called ``name/part``."""
        while label:
            nodes = self.by_label.get(label, [])
            if len(nodes) > 1:  # in several subgraphs; the one that has the site's output
                output = site.output.rpartition("::")[2]
                nodes = [n for n in nodes if output in n.output] or nodes
            if nodes:
                return nodes
            label = label.rpartition("/")[0]
        return []


def _label(node: onnx.NodeProto) -> str:
    """What a signature calls a node: its name, that of its output where it has none."""
    return printable(node.name or next((o for o in node.output if o), node.op_type))


def _of_model(signature: Signature) -> Iterator[tuple[str, str]]:
    yield "model_sha256", signature.model.sha256
    yield "data_sha256", str(signature.data.get("sha256") or "")
    yield "method_version", signature.method_version
    yield "summary", json.dumps(dict(signature.summary))


def _of_site(site: ScoredSite) -> Iterator[tuple[str, str]]:
    yield "site", site.name
    yield "activation", site.activation
    yield "status", site.status
    if site.reason:
        yield "reason", site.reason
    for key in _SCORES:
        if (value := site.scores.get(key)) is not None:
            yield key, f"{value:.6g}" if isinstance(value, float) else str(value)


def _write(node: onnx.NodeProto, entries: list[tuple[str, str]], *, metadata: bool) -> None:
    if metadata:
        for key, value in entries:
            node.metadata_props.add(key=key, value=value)
        return
    lines = [f"{key}: {printable(value)}" for key, value in entries]
    node.doc_string = "\n".join([*([node.doc_string] if node.doc_string else []), *lines])


def _forget(proto: onnx.ModelProto) -> None:
    """Drop what was written here before."""
    _drop_keys(proto.metadata_props)
    for graph in graphs(proto.graph):
        for node in graph.node:
            _drop_keys(node.metadata_props)
            lines = node.doc_string.split("\n")
            kept = [line for line in lines if not line.startswith(PREFIX)]
            if len(kept) < len(lines):
                node.ClearField("doc_string")
                if kept:
                    node.doc_string = "\n".join(kept)


def _drop_keys(entries: Any) -> None:
    for position in reversed(range(len(entries))):
        if entries[position].key.startswith(PREFIX):
            del entries[position]
