"""What is damaged: model files of folders, and small models written in ONNX's own text form."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import onnx
from onnx import helper, parser

__all__ = ["WRITTEN", "SeedModel", "seed_models"]

MODELS = Path(__file__).parents[2] / "models"
LARGEST = 260_000  # bytes; larger files say nothing more and take longer

_HEAD = '<ir_version: 9, opset_import: ["" : 18, "com.microsoft" : 1, "local" : 1]>'
_WEIGHTS = (
    "float[4,4] w = {1.0,0.5,0.0,2.0, 0.1,-1.0,0.0,3.0, 0.0,0.0,1.0,0.2, -2.0,1.0,0.3,0.4}, "
    "float[4] b = {0.0,0.1,-0.2,0.3}"
)
_IMPORTS = '<opset_import: ["" : 18, "local" : 1], domain: "local">'

_TEXTS = {
    "plain": f"""{_HEAD} g (float[N,4] x) => (float[N,4] y) <{_WEIGHTS}> {{
        h = MatMul(x, w)  a = Add(h, b)  r = Relu(a)  s = Gemm(r, w, b)
        e = Erf(s)  one = Constant<value_float = 1.0>()  p = Add(e, one)  q = Mul(s, p)
        half = Constant<value_float = 0.5>()  o = Mul(q, half)  y = MatMul(o, w) }}""",
    "functions": f"""{_HEAD} g (float[N,4] x) => (float[N,4] y) <{_WEIGHTS}> {{
        h = MatMul(x, w)  a = local.Act(h)  k = MatMul(a, w)  y = local.Twice(k) }}
        {_IMPORTS} Act (i) => (o) {{ s = Sigmoid(i)  o = Mul(i, s) }}
        {_IMPORTS} Twice (i) => (o) {{ m = local.Act(i)  o = local.Act(m) }}""",
    "branches": f"""{_HEAD} g (float[N,4] x) => (float[N,4] y) <{_WEIGHTS}> {{
        h = MatMul(x, w)  t = ReduceSum<keepdims = 0>(h)  zero = Constant<value_float = 0.0>()
        c = Greater(t, zero)
        k = If(c) <then_branch = one () => (float[N,4] u) {{ u = Relu(h) }},
                   else_branch = two () => (float[N,4] v) {{ z = Tanh(h)  v = MatMul(z, w) }}>
        y = MatMul(k, w) }}""",
    "loop": f"""{_HEAD} g (float[N,4] x) => (float[N,4] y) <{_WEIGHTS}, int64 n = {{3}}> {{
        go = Constant<value = bool {{1}}>()
        y = Loop(n, go, x) <body =
            turn (int64 i, bool on, float[N,4] s) => (bool stay, float[N,4] t) {{
            stay = Identity(on)  m = MatMul(s, w)  t = Elu<alpha = 0.5>(m) }}> }}""",
    "image": f"""{_HEAD} g (float[N,2,6,6] x) => (float[N,4] y)
        <{_WEIGHTS}, float[4,2,1,1] k = {{1.0,2.0,3.0,-4.0,5.0,6.0,-7.0,0.8}}> {{
        c = Conv(x, k, b)  r = LeakyRelu<alpha = 0.1>(c)  p = MaxPool<kernel_shape = [2,2]>(r)
        m = GlobalAveragePool(p)  f = Flatten(m)  h = Gemm(f, w, b)  s = HardSwish(h)
        d = Softmax<axis = -1>(s)  y = MatMul(d, w) }}""",
    "attention": f"""{_HEAD} g (float[N,3,4] x) => (float[N,3,4] y) <{_WEIGHTS}> {{
        q = MatMul(x, w)  t = Transpose<perm = [0,2,1]>(q)  s = MatMul(q, t)
        p = Softmax<axis = -1>(s)  a = MatMul(p, q)  g = com.microsoft.FastGelu(a, b)
        n = LayerNormalization<axis = -1>(g, b, b)  y = MatMul(n, w) }}""",
    "recurrent": f"""{_HEAD} g (float[2,N,4] x) => (float[2,1,N,1] y)
        <float[1,4,4] i = {{1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0,9.0,1.0,2.0,3.0,4.0,5.0,6.0,7.0}},
         float[1,4,1] r = {{1.0,-2.0,0.3,0.4}}> {{
        y, h, c = LSTM<hidden_size = 1>(x, i, r) }}""",
    "quantised": f"""{_HEAD} g (float[N,4] x) => (float[N,4] y)
        <{_WEIGHTS}, float s = {{0.05}}, uint8 z = {{0}}> {{
        h = MatMul(x, w)  q = QuantizeLinear(h, s, z)  d = DequantizeLinear(q, s, z)
        k = MatMul(d, w)  l = Clip(k, s)  y = MatMul(l, w) }}""",
}

WRITTEN = len(_TEXTS) + 1
"""So many seeds, the first, are no files."""


@dataclass(frozen=True, slots=True)
class SeedModel:
    """A sound model: its name and its bytes."""

    name: str
    content: bytes

    def proto(self) -> onnx.ModelProto:
        return onnx.ModelProto.FromString(self.content)


@cache
def seed_models(folders: tuple[Path, ...] = (), *, small: bool = False) -> tuple[SeedModel, ...]:
    """Every seed in a fixed order; ``small`` leaves the files out and keeps the written ones."""
    written = [SeedModel(name, _written(text)) for name, text in _TEXTS.items()]
    written.append(SeedModel("deep", _chain(400).SerializeToString()))
    return (*written, *(() if small else _files((MODELS, *folders))))


def _written(text: str) -> bytes:
    return parser.parse_model(text).SerializeToString()


def _files(folders: Iterable[Path]) -> list[SeedModel]:
    found = [
        path
        for folder in folders
        for path in sorted(folder.rglob("*.onnx"))
        if path.stat().st_size <= LARGEST
    ]
    return [SeedModel(path.stem, path.read_bytes()) for path in found]


def _chain(length: int) -> onnx.ModelProto:
    """One activation behind the other."""
    names = ["x", *(f"t{i}" for i in range(length - 1)), "y"]
    nodes = [helper.make_node("Tanh", [a], [b]) for a, b in pairwise(names)]
    ports = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["N", 4]) for n in "xy"]
    graph = helper.make_graph(nodes, "chain", ports[:1], ports[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
