"""Write the nodes that take the place of one node, in the vocabulary of the model's own opset."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import onnx
from onnx import TensorProto, helper

__all__ = ["CannotOpenError", "Draft", "Surroundings"]


class CannotOpenError(Exception):
    """A rule cannot rewrite this node; the message says why."""


@final
@dataclass(slots=True)
class Surroundings:
    """What the rules know of a model: its opset, element types, ranks, constants, and free names.

    ``elements`` and ``ranks`` are those that inference found, ``constants`` the initialisers and
    the tensors of Constant nodes, ``tensors`` and ``nodes`` the names in use; all graphs of the
    model share one space of names here.
    """

    opset: int
    elements: Mapping[str, int]
    ranks: Mapping[str, int]
    constants: Mapping[str, TensorProto]
    tensors: set[str]
    nodes: set[str]

    def fresh(self, stem: str) -> str:
        """Return a name that no tensor of the model has."""
        return _numbered(stem, self.tensors)

    def fresh_node(self, stem: str) -> str:
        """Return a name that no node of the model has: ONNX Runtime refuses repeated ones."""
        return _numbered(stem, self.nodes)

    def element(self, *tensors: str) -> int | None:
        """Return the element type of the first of these tensors that has a known one."""
        return next((self.elements[t] for t in tensors if t in self.elements), None)


@final
@dataclass(slots=True)
class Draft:
    """The nodes that take the place of one node: named after it, its metadata copied."""

    node: onnx.NodeProto
    around: Surroundings
    nodes: list[onnx.NodeProto] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        """The node's name, that of its output where it has none."""
        return self.node.name or next((o for o in self.node.output if o), "")

    def add(self, operator: str, *inputs: str, outputs: int | list[str] = 1, **attrs: Any) -> str:
        """Append a node, ``Add`` or ``com.microsoft::Gelu``; return its first output."""
        domain, _, op_type = operator.rpartition("::")
        if isinstance(outputs, int):
            stem = f"{self.node.output[0]}/{op_type}"
            outputs = [self.around.fresh(stem) for _ in range(outputs)]
        made = helper.make_node(
            op_type,
            inputs,
            outputs,
            name=self.around.fresh_node(f"{self.prefix}/{op_type}"),
            domain=domain,
            **attrs,
        )
        made.metadata_props.extend(self.node.metadata_props)
        self.nodes.append(made)
        return outputs[0]

    def end(self, operator: str, *inputs: str, **attrs: Any) -> None:
        """Append the node that makes the original output."""
        self.add(operator, *inputs, outputs=[self.node.output[0]], **attrs)

    def again(self, **changed: Any) -> str:
        """Append the node itself with other attributes; its first output becomes a new tensor."""
        made = onnx.NodeProto()
        made.CopyFrom(self.node)
        made.output[0] = self.around.fresh(f"{self.node.output[0]}/{self.node.op_type}")
        kept = [a for a in made.attribute if a.name not in changed]
        del made.attribute[:]
        made.attribute.extend(kept)
        made.attribute.extend(helper.make_attribute(k, v) for k, v in changed.items())
        self.nodes.append(made)
        return made.output[0]

    def constant(self, value: float | list[int], *, like: str | None = None) -> str:
        """Append a constant: whole numbers for shapes, else of the element type of ``like``."""
        if isinstance(value, list):
            tensor = helper.make_tensor("value", TensorProto.INT64, [len(value)], value)
            return self.add("Constant", value=tensor)
        element = self.around.element(like, *self.given) if like else TensorProto.FLOAT
        if element is None and self.around.opset < 15:
            raise CannotOpenError("its element type is not known")
        made = self.add(
            "Constant", value=helper.make_tensor("value", element or TensorProto.FLOAT, [], [value])
        )
        return made if element is not None or like is None else self.add("CastLike", made, like)

    @property
    def given(self) -> list[str]:
        """The node's inputs, those left out dropped."""
        return [i for i in self.node.input if i]

    def input(self, position: int) -> str:
        """Return an input by position, empty where it is left out."""
        return self.node.input[position] if position < len(self.node.input) else ""


def _numbered(stem: str, taken: set[str]) -> str:
    name, count = stem, 0
    while name in taken:
        count += 1
        name = f"{stem}_{count}"
    taken.add(name)
    return name
