"""Build small ONNX models in a line an operator, in the dialects of several exporters."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from onnx_affscore.graph.hints import input_hints
from onnx_affscore.graph.locate import Located
from onnx_affscore.graph.model import LoadedModel, load
from onnx_affscore.graph.prepare import find_activations
from onnx_affscore.records import Array

__all__ = ["Builder", "located", "reloaded"]

_ELEMENTS = {
    "float32": onnx.TensorProto.FLOAT,
    "float16": onnx.TensorProto.FLOAT16,
    "bfloat16": onnx.TensorProto.BFLOAT16,
    "float64": onnx.TensorProto.DOUBLE,
}


class Builder:
    """Collects nodes; a tensor is its name, a number becomes a constant.

    ``dialect``: ``nodes`` writes constants as Constant nodes of no dimension (PyTorch),
    ``initialisers`` as initialisers of shape [1] (TensorFlow, Keras, Paddle).
    """

    def __init__(
        self, *, opset: int = 17, dtype: str = "float32", dialect: str = "nodes", ir: int = 8
    ) -> None:
        self.opset, self.dtype, self.dialect, self.ir = opset, dtype, dialect, ir
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.functions: list[onnx.FunctionProto] = []
        self.domains: dict[str, int] = {}
        self._count = 0

    def name(self, stem: str) -> str:
        self._count += 1
        return f"{stem}_{self._count}"

    def input(self, shape: list[Any], name: str = "x", dtype: str | None = None) -> str:
        element = _ELEMENTS.get(dtype or self.dtype) or helper.np_dtype_to_tensor_dtype(
            np.dtype(dtype or self.dtype)
        )
        self.inputs.append(helper.make_tensor_value_info(name, element, shape))
        return name

    def tensor(self, value: Any, dtype: str | None = None) -> str:
        """An initialiser, whatever the dialect."""
        name = self.name("w")
        self.initializers.append(self._tensor(np.asarray(value), name, dtype))
        return name

    def const(self, value: Any, dtype: str | None = None) -> str:
        array = np.asarray(value)
        if self.dialect == "initialisers":
            return self.tensor(array.reshape(1) if array.ndim == 0 else array, dtype)
        name = self.name("c")
        tensor = self._tensor(array, name, dtype)
        self.nodes.append(helper.make_node("Constant", [], [name], name=name, value=tensor))
        return name

    def _tensor(self, array: Array, name: str, dtype: str | None) -> onnx.TensorProto:
        kind = dtype or (self.dtype if array.dtype.kind == "f" else str(array.dtype))
        if kind == "bfloat16":
            import ml_dtypes

            return numpy_helper.from_array(array.astype(ml_dtypes.bfloat16), name)
        return numpy_helper.from_array(array.astype(kind), name)

    def op(
        self,
        kind: str,
        *operands: str | float,
        outputs: int = 1,
        node_name: str | None = None,
        **attributes: Any,
    ) -> str:
        """Add a node; ``com.microsoft::Gelu`` names another domain. Returns its first output."""
        domain, _, op_type = kind.rpartition("::")
        if domain:
            self.domains[domain] = 1
        names = [o if isinstance(o, str) else self.const(float(o)) for o in operands]
        made = [self.name(op_type.lower()) for _ in range(outputs)]
        self.nodes.append(
            helper.make_node(
                op_type,
                names,
                made,
                name=self.name(op_type) if node_name is None else node_name,
                domain=domain,
                **attributes,
            )
        )
        return made[0]

    def dense(self, x: str, rows: int, columns: int, *, seed: int = 0) -> str:
        """x W with random weights: what makes features."""
        weights = np.random.default_rng(seed).normal(size=(rows, columns)) / rows**0.5
        return self.op("MatMul", x, self.tensor(weights))

    def output(self, name: str, shape: list[Any] | None = None, dtype: str | None = None) -> None:
        element = _ELEMENTS.get(dtype or self.dtype) or helper.np_dtype_to_tensor_dtype(
            np.dtype(dtype or self.dtype)
        )
        self.outputs.append(helper.make_tensor_value_info(name, element, shape))

    def proto(self) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, "g", self.inputs, self.outputs, self.initializers)
        if self.ir < 4:
            graph.input.extend(
                helper.make_tensor_value_info(t.name, t.data_type, t.dims)
                for t in self.initializers
            )
        opsets = [helper.make_opsetid("", self.opset)]
        opsets += [helper.make_opsetid(d, v) for d, v in self.domains.items()]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=self.ir, functions=self.functions
        )

    def save(self, path: Path) -> Path:
        path.write_bytes(self.proto().SerializeToString())
        return path


def reloaded(builder: Builder, folder: Path) -> LoadedModel:
    """Write the model and read it as a user's file is read."""
    return load(builder.save(folder / "model.onnx"))


def located(builder: Builder, folder: Path) -> Located:
    """Return what is found in the written model."""
    model = reloaded(builder, folder)
    return find_activations(model, input_hints(model.proto)).located
