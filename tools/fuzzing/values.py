"""Values that break careless code: integers at the edges, texts that steer, paths that lead out."""

__all__ = ["HOSTILE_TEXTS", "INTEGERS", "LOCATIONS", "OPERATORS", "REALS"]

INTEGERS = (-(2**63), -(2**31), -2, -1, 0, 1, 2, 3, 7, 1000, 2**31 - 1, 2**31, 2**40, 2**63 - 1)
REALS = (float("nan"), float("inf"), float("-inf"), 0.0, -0.0, 1e-45, -1.0, 3e38, -3e38, 1e30)
HOSTILE_TEXTS = (
    "",
    " ",
    "a\nb\r::error::c",
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m\u202egnp.exe",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "=1+1|`a`|[b](javascript:c)",
    "../../../../tmp/escape",
    "/etc/passwd",
    "C:\\x\\y",
    "%s%n{0}{x!r}$(id)`id`",
    "Relu",
    "x",
    "N" * 100_000,
    "活性化" * 300,
    "nul\x00byte",
)
LOCATIONS = (
    "",
    ".",
    "..",
    "../secret.bin",
    "/etc/passwd",
    "/dev/zero",
    "weights.bin",
    "link.bin",
    "fifo.bin",
    "folder",
    "C:\\secret",
    "\\\\host\\share\\x",
    "no such file",
    "nul\x00byte",
    "N" * 5000,
)
_PLAIN = (
    "Relu Gelu Softmax Erf Tanh Clip Where Max Min PRelu Selu HardSwish Mish Softplus Shrink Cast "
    "Add Mul Div Pow Sqrt MatMul Gemm Conv ConvTranspose LSTM GRU RNN If Loop Scan Reshape "
    "Transpose Flatten Squeeze Unsqueeze Expand Tile ConstantOfShape Range Resize Constant "
    "Identity "
    "Concat Split Slice Gather TopK Attention LayerNormalization BatchNormalization Dropout Einsum "
    "GroupNormalization MaxPool AveragePool GlobalAveragePool ReduceMean QuantizeLinear Shape "
    "DequantizeLinear QLinearConv QLinearMatMul OneHot Pad SequenceMap Optional Nothing NonZero"
)
_MICROSOFT = (
    "Gelu FastGelu BiasGelu QuickGelu FusedConv FusedGemm FusedMatMul SkipLayerNormalization "
    "MultiHeadAttention Attention GroupQueryAttention FusedMatMulActivation BiasSoftmax "
    "QLinearSigmoid QLinearLeakyRelu GemmFastGelu NhwcFusedConv BiasSplitGelu MoE Trilu"
)
OPERATORS = (
    *((name, "") for name in _PLAIN.split()),
    *((name, "com.microsoft") for name in _MICROSOFT.split()),
    ("Normalizer", "ai.onnx.ml"),
    ("Unknown", "somewhere"),
)
