"""The same function in another file: renamed, exported again, or optimised by ONNX Runtime."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnxruntime

__all__ = ["optimised", "re_exported", "renamed"]

_LEVELS = {
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
}


def optimised(model: onnx.ModelProto, *, level: str) -> onnx.ModelProto:
    """Let ONNX Runtime optimise the graph for the CPU.

    ``basic`` folds constants and BatchNormalization into convolutions; ``extended`` also joins
    operators to ones of its own.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "optimised.onnx"
        settings = onnxruntime.SessionOptions()
        settings.graph_optimization_level = _LEVELS[level]
        settings.optimized_model_filepath = str(path)
        settings.log_severity_level = 3  # warns that the file is for this machine
        onnxruntime.InferenceSession(
            model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
        )
        return onnx.load(path)


def renamed(model: onnx.ModelProto) -> onnx.ModelProto:
    """Give every node and every tensor a name that says nothing; inputs and outputs keep theirs."""
    kept = {value.name for value in (*model.graph.input, *model.graph.output)}
    return _rewritten(model, lambda name: name if name in kept else _hashed(name), drop=False)


def re_exported(model: onnx.ModelProto) -> onnx.ModelProto:
    """Do what another version of an exporter does.

    Constants become initialisers, these come in another order, tensors have numbers for names;
    documentation, metadata and the types of inner tensors are left out. Names of nodes stay.
    """
    kept = {value.name for value in (*model.graph.input, *model.graph.output)}
    numbers: dict[str, str] = {}

    def numbered(name: str) -> str:
        return name if name in kept else numbers.setdefault(name, f"val_{len(numbers)}")

    copy = _rewritten(model, numbered, drop=True)
    constants = [
        n for n in copy.graph.node if n.op_type == "Constant" and n.attribute[0].HasField("t")
    ]
    for node in constants:
        tensor = node.attribute[0].t
        tensor.name = node.output[0]
        copy.graph.initializer.append(tensor)
        copy.graph.node.remove(node)
    tensors = sorted(copy.graph.initializer, key=lambda tensor: _hashed(tensor.name))
    del copy.graph.initializer[:]
    copy.graph.initializer.extend(tensors)
    copy.producer_version = "0.0.0"
    return copy


def _hashed(name: str) -> str:
    return f"t{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _rewritten(
    model: onnx.ModelProto, name_of: Callable[[str], str], *, drop: bool
) -> onnx.ModelProto:
    """A copy with other names of tensors; what exporters note beside the graph is left out.

    Graphs inside nodes are not looked into: the zoo has none.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    del graph.value_info[:]
    for tensor in graph.initializer:
        tensor.name = name_of(tensor.name)
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [name and name_of(name) for name in names]
        del node.metadata_props[:]
        node.doc_string = ""
        if not drop:
            node.name = _hashed(node.name)
    return copy
