"""What the graph tells of a model's inputs: types, the axis of the samples, sizes of tables."""

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto

from onnx_affscore.graph.positions import most_tokens
from onnx_affscore.records import InputHint, TensorSpec

__all__ = ["input_hints", "tensor_spec"]

Dim = int | str | None


def input_hints(model: onnx.ModelProto) -> tuple[InputHint, ...]:
    """Describe the inputs of ``model`` in graph order; tensors' values are not looked at.

    The sample axis is where the batch symbol stands: the symbol that most data inputs start with,
    or the one named so. Without symbols it is the axis that holds the first data input's batch
    size. Weights, shapes, conditions and trip counts that are inputs have none, and so have
    inputs that an initialiser gives a default.
    """
    graph = model.graph
    defaults = {t.name for t in graph.initializer}
    defaults |= {t.values.name for t in graph.sparse_initializer}
    uses = _Uses.of(graph)
    specs = [tensor_spec(value) for value in graph.input]
    wanted = [s for s in specs if s.name not in defaults]
    axes = _sample_axes([s for s in wanted if not _is_parameter(s, uses)], uses)
    places = most_tokens(graph)
    return tuple(
        InputHint(
            spec=s,
            sample_axis=axes.get(s.name),
            below=_rows_of_table(s, uses),
            optional=s.name in defaults,
            table=_rows_of_table(s, uses, but=("OneHot",)),
            added=_is_added(s, uses),
            places=places if "int" in s.dtype and len(s.shape or ()) == 2 else None,
        )
        for s in specs
    )


_NUMPY_NAMES = {"float": "float32", "double": "float64"}


def tensor_spec(value: onnx.ValueInfoProto) -> TensorSpec:
    """Name, NumPy's name of the element type, and shape; a sequence or map is named as such."""
    kind = value.type.WhichOneof("value")
    if kind not in ("tensor_type", "sparse_tensor_type"):
        return TensorSpec(value.name, (kind or "undefined").removesuffix("_type"), None)
    tensor = getattr(value.type, kind)
    shape = tuple(_dim(d) for d in tensor.shape.dim) if tensor.HasField("shape") else None
    return TensorSpec(value.name, _dtype(tensor.elem_type), shape)


def _dtype(element: int) -> str:
    if element not in TensorProto.DataType.values():
        return f"type_{element}"  # of a later version of ONNX, or a damaged file
    name = TensorProto.DataType.Name(element).lower()
    # ml_dtypes writes float8_e4m3fn where ONNX writes FLOAT8E4M3FN
    return _NUMPY_NAMES.get(name, re.sub(r"^(float\d)(e\dm\d)", r"\1_\2", name))


def _dim(dim: onnx.TensorShapeProto.Dimension) -> Dim:
    if dim.WhichOneof("value") == "dim_param":
        return None if dim.dim_param.strip() in ("", "?", "-1") else dim.dim_param
    return dim.dim_value if dim.dim_value > 0 else None


_KEEPS_SHAPE = frozenset({"Identity", "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear"})
_KEEPS_VALUES = frozenset(
    {"Identity", "Cast", "Reshape", "Flatten", "Unsqueeze", "Squeeze", "Transpose", "Slice"}
    | {"Concat", "Expand", "Tile"}
)


@dataclass(frozen=True, slots=True)
class _Uses:
    """Who reads each tensor, subgraphs included, and the row counts of the constant ones."""

    readers: Mapping[str, Sequence[tuple[NodeProto, int]]]
    makers: Mapping[str, NodeProto]
    constants: Mapping[str, TensorProto]

    @classmethod
    def of(cls, graph: GraphProto) -> "_Uses":
        readers: defaultdict[str, list[tuple[NodeProto, int]]] = defaultdict(list)
        makers: dict[str, NodeProto] = {}
        constants: dict[str, TensorProto] = {}
        for inner in _graphs(graph):
            constants |= {t.name: t for t in inner.initializer}
            for node in inner.node:
                makers |= dict.fromkeys(node.output, node)
                for slot, name in enumerate(node.input):
                    readers[name].append((node, slot))
        for name, node in makers.items():
            value = _attribute(node, "value") if node.op_type == "Constant" else None
            if value is not None:
                constants[name] = value.t
        return cls(readers, makers, constants)

    def reached(self, name: str, through: frozenset[str]) -> Iterator[tuple[NodeProto, int]]:
        """The uses of a tensor, followed through the data input of the named operators."""
        queue, seen = deque([name]), {name}
        while queue:
            for node, slot in self.readers.get(queue.popleft(), ()):
                if node.op_type in through and (slot == 0 or node.op_type == "Concat"):
                    fresh = [o for o in node.output if o and o not in seen]
                    queue.extend(fresh)
                    seen.update(fresh)
                else:
                    yield node, slot

    def constant(self, name: str) -> TensorProto | None:
        """The constant behind a tensor, seen through casts and dequantisation."""
        seen: set[str] = set()  # subgraphs may use a name again, which looks like a circle
        while (node := self.makers.get(name)) and node.op_type in _KEEPS_SHAPE and node.input:
            if name in seen:
                return None
            seen.add(name)
            name = node.input[0]
        return self.constants.get(name)


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    yield from _graphs(inner)


def _attribute(node: NodeProto, name: str) -> AttributeProto | None:
    return next((a for a in node.attribute if a.name == name), None)


def _int(node: NodeProto, name: str, default: int) -> int:
    found = _attribute(node, name)
    return default if found is None else found.i


_RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
_ALL_SLOTS = frozenset({"Range", "ConstantOfShape"})
_FIRST_SLOTS = {"If": 1, "Loop": 2}  # condition; trip count and condition
_ALL_BUT_DATA = re.compile(
    r"(QLinear)?Conv(Transpose|Integer)?|Gemm|(Batch|Instance|Layer|Group|RMS)Normalization|"
    r"PRelu|Clip|Reshape|Expand|Slice|Pad|Tile|Resize|Upsample|(Uns|S)queeze|TopK|OneHot|CumSum|"
    r"Dropout|Split|(Deq|Q)uantizeLinear|(Bias|Fast)Gelu|Reduce\w+"
)
_SOME_SLOTS = {"MatMulInteger": (1,), "FusedConv": (1, 2)} | dict.fromkeys(_RECURRENT, (1, 2, 3, 7))
_SEQUENCE_NAME = re.compile(r"seq|time|len|frames|tokens", re.IGNORECASE)
_BATCH_NAME = re.compile(r"[\w.]*batch[\w.]*", re.IGNORECASE)


def _is_parameter(spec: TensorSpec, uses: _Uses) -> bool:
    """Whether it is a weight, a shape, a condition: the same for every sample."""
    found = list(uses.reached(spec.name, _KEEPS_SHAPE))
    only = bool(found) and all(_takes_parameter(node, slot, spec, uses) for node, slot in found)
    return only or spec.shape == ()


def _takes_parameter(node: NodeProto, slot: int, spec: TensorSpec, uses: _Uses) -> bool:
    op = node.op_type
    if op in _ALL_SLOTS or slot < _FIRST_SLOTS.get(op, 0) or slot in _SOME_SLOTS.get(op, ()):
        return True
    if slot == 0 or uses.constant(node.input[0]) is not None:
        return False  # the other operand is the weight: W @ x
    matrix = op == "MatMul" and spec.shape is not None and len(spec.shape) <= 2
    return matrix or _ALL_BUT_DATA.fullmatch(op) is not None


def _prescribed_axis(spec: TensorSpec, uses: _Uses) -> int | None:
    """The axis of the samples where the one operator that reads the input leaves no choice."""
    found = uses.reached(spec.name, _KEEPS_SHAPE)
    axes = {axis for axis in (_axis_of_slot(*use) for use in found) if axis is not None}
    axis = axes.pop() if len(axes) == 1 else None
    return None if axis is not None and axis >= len(spec.shape or (0, 0)) else axis


def _axis_of_slot(node: NodeProto, slot: int) -> int | None:
    """Axis 1 of a recurrent operator's time-major input and states, or of what Scan cuts up."""
    if node.op_type in _RECURRENT and slot in (0, 5, 6):
        return 0 if _int(node, "layout", 0) else 1
    if node.op_type == "Scan":
        cut = slot - (len(node.input) - _int(node, "num_scan_inputs", 0))
        along = _attribute(node, "scan_input_axes")
        if cut >= 0:
            return 1 if along is None or along.ints[cut] == 0 else 0
    return None


def _sample_axes(data: Sequence[TensorSpec], uses: _Uses) -> Mapping[str, int | None]:
    fixed = {s.name: _prescribed_axis(s, uses) for s in data}
    known = {name: axis for name, axis in fixed.items() if axis is not None}
    starts = {s.name: _first_guess(s) for s in data} | known
    symbol = _batch_symbol(data, starts)
    size = _batch_size(data, starts, known)
    inner = {d for s in data for i, d in enumerate(s.shape or ()) if i}
    axes: dict[str, int | None] = {}
    for s in data:
        start = starts[s.name]
        if s.shape is None or s.name in known:
            axes[s.name] = start
        elif symbol is not None:
            axes[s.name] = _axis_of_symbol(s.shape, symbol, inner, start=start)
        else:
            axes[s.name] = _axis_of_size(s.shape, size, start=start)
    return axes


def _first_guess(spec: TensorSpec) -> int:
    """The axis that an input would count samples on if it were alone."""
    shape = spec.shape or ()
    time_major = (
        len(shape) >= 3
        and isinstance(shape[0], str)
        and bool(_SEQUENCE_NAME.search(shape[0]))
        and (shape[1] == 1 or isinstance(shape[1], str))
    )
    return 1 if time_major else 0


def _batch_symbol(specs: Iterable[TensorSpec], starts: Mapping[str, int]) -> str | None:
    dims = [(s.shape, starts[s.name]) for s in specs if s.shape]
    named = [d for shape, _ in dims for d in shape if isinstance(d, str)]
    named = [d for d in named if _BATCH_NAME.fullmatch(d)]
    first = [shape[axis] for shape, axis in dims]
    counted = Counter(named or [d for d in first if isinstance(d, str)])
    return max(counted, key=lambda d: counted[d], default=None)


def _axis_of_symbol(
    shape: tuple[Dim, ...], symbol: str, inner: set[Dim], *, start: int
) -> int | None:
    if symbol in shape:
        return shape.index(symbol)
    first = shape[start]
    if first is None:
        return start
    # tf2onnx and others give every input its own name for the same batch: unk__7, unk__8
    alone = isinstance(first, str) and first not in inner and len(shape) > 1
    return start if alone else None


def _batch_size(
    specs: Iterable[TensorSpec], starts: Mapping[str, int], known: Mapping[str, int]
) -> Dim:
    """The fixed size of the batch, None where it is open, by the input that tells it best."""
    told = [s for s in specs if s.shape]
    told.sort(key=lambda s: (s.name not in known, len(s.shape or ()) < 2))
    return next((s.shape[starts[s.name]] for s in told if s.shape), None)


def _axis_of_size(shape: tuple[Dim, ...], size: Dim, *, start: int) -> int | None:
    if shape[start] is None or shape[start] == size:
        return start
    if size is None:  # open batch: a stacked state is [layers, ?, width], a constant [1, ...]
        stacked = len(shape) > 1 and shape[1] is None and shape[0] != 1
        return 1 if stacked else None
    return shape.index(size) if size in shape else None


# com.microsoft: which table each input of the fused embedding looks up
_EMBEDDING_TABLES = {0: 2, 1: 4, 8: 3}


def _rows_of_table(spec: TensorSpec, uses: _Uses, *, but: Sequence[str] = ()) -> int | None:
    """The smallest number of rows of the constant tables that an integer input indexes."""
    if not spec.dtype.startswith(("int", "uint")):
        return None
    found = uses.reached(spec.name, _KEEPS_VALUES)
    rows = [_rows(node, slot, uses) for node, slot in found if node.op_type not in but]
    return min((r for r in rows if r), default=None)


# Where attention operators take what they add to their scores.
_BIAS_SLOTS = {("", "Attention"): 3, ("com.microsoft", "Attention"): 5}
_BIAS_SLOTS |= {("com.microsoft", "MultiHeadAttention"): 5}


def _is_added(spec: TensorSpec, uses: _Uses) -> bool:
    """Whether all that the graph does with a float input is to add it to something."""
    if "float" not in spec.dtype:
        return False
    found = [use for use in uses.reached(spec.name, _KEEPS_VALUES) if use[0].op_type != "Shape"]
    return bool(found) and all(
        node.op_type == "Add" or _BIAS_SLOTS.get((node.domain, node.op_type)) == slot
        for node, slot in found
    )


def _rows(node: NodeProto, slot: int, uses: _Uses) -> int | None:
    op = node.op_type
    if slot == 1 and (
        (op == "Gather" and _int(node, "axis", 0) == 0)
        or (op == "GatherBlockQuantized" and _int(node, "gather_axis", 0) == 0)
    ):
        return _first_dim(uses.constant(node.input[0]))
    if op == "EmbedLayerNormalization" and (table := _EMBEDDING_TABLES.get(slot)):
        return _first_dim(uses.constant("".join(node.input[table : table + 1])))
    if op == "OneHot" and slot == 0:
        return _scalar(uses.constant("".join(node.input[1:2])))
    return None


def _first_dim(tensor: TensorProto | None) -> int | None:
    return tensor.dims[0] if tensor is not None and tensor.dims else None


def _scalar(tensor: TensorProto | None) -> int | None:
    if tensor is None or tensor.data_location == TensorProto.EXTERNAL:
        return None
    value = onnx.numpy_helper.to_array(tensor)
    return int(value.flat[0]) if value.size == 1 and value.dtype.kind in "iu" else None
