"""Names that a person recognises: the module path an exporter left, else the node's name.

Exporters leave the path in different places: PyTorch's TorchScript exporter in node names
(``/blocks/blocks.0/act/Erf``), its dynamo exporter in the node's metadata, tf2onnx in node names
(``model/conv1/Relu``). Where nothing was left, the output tensor has to do.
"""

import re
from collections.abc import Iterable, Sequence

import onnx

from onnx_affscore.given_json import parsed
from onnx_affscore.plain_text import printable

__all__ = ["module_path", "printable", "unique"]

_SCOPES = "pkg.torch.onnx.name_scopes"
_WRAPPERS = ("StatefulPartitionedCall", "PartitionedCall", "main_graph", "Inline")
_OPERATOR_SUFFIX = re.compile(r"_\d+$")


def module_path(nodes: Sequence[onnx.NodeProto], output: str) -> tuple[str, str]:
    """Return the name of a region and its scope (the path without the last part).

    The path shared by the region's nodes, operator names at its end dropped.
    """
    paths = [p for p in (_scope_of(n) or _node_path(n) for n in nodes) if p]
    shared = _shared(paths)
    if not shared:
        return printable(nodes[-1].name or output if nodes else output), ""
    name = ".".join(_collapsed(shared))
    return printable(name), printable(name.rpartition(".")[0])


def unique(names: Iterable[str]) -> list[str]:
    """Number repeated names in order: act, act#2, act#3."""
    seen: dict[str, int] = {}
    taken: set[str] = set()
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        candidate = name if seen[name] == 1 else f"{name}#{seen[name]}"
        while candidate in taken:
            seen[name] += 1
            candidate = f"{name}#{seen[name]}"
        taken.add(candidate)
        result.append(candidate)
    return result


def _scope_of(node: onnx.NodeProto) -> list[str]:
    """The module path in a node's metadata, as PyTorch's dynamo exporter writes it."""
    for prop in node.metadata_props:
        if prop.key != _SCOPES:
            continue
        try:
            scopes = parsed(prop.value.replace("'", '"'))
        except ValueError:
            return []
        if not isinstance(scopes, list):
            return []
        # The last entry is the operation; the one before it the innermost module.
        modules = [s for s in scopes[:-1] if isinstance(s, str) and s]
        return modules[-1].split(".") if modules else []
    return []


def _node_path(node: onnx.NodeProto) -> list[str]:
    parts = [p for p in node.name.split("/") if p and p not in _WRAPPERS]
    if len(parts) > 1 and _OPERATOR_SUFFIX.sub("", parts[-1]) == node.op_type:
        return parts[:-1]
    return parts if len(parts) > 1 else []


def _shared(paths: list[list[str]]) -> list[str]:
    if not paths:
        return []
    shared = []
    for column in zip(*paths, strict=False):
        if len(set(column)) > 1:
            break
        shared.append(column[0])
    return shared


def _collapsed(parts: list[str]) -> list[str]:
    """Drop a part that the next one repeats: layer1, layer1.0 -> layer1.0."""
    return [
        part
        for part, following in zip(parts, [*parts[1:], ""], strict=True)
        if not following.startswith(part + ".")
    ]
