"""Other number formats by ONNX Runtime's own tools: half precision, and 8-bit integers."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, final

import numpy as np
import numpy.typing as npt
import onnx
import onnx.version_converter
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

__all__ = ["half", "int8"]

Rows = npt.NDArray[Any]
_PER_CHANNEL = 13  # the opset from which on DequantizeLinear has an axis


def half(model: onnx.ModelProto, *, keep_inputs: bool = False) -> onnx.ModelProto:
    """Convert to float16; ``keep_inputs`` leaves inputs and outputs as they are."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    converted: onnx.ModelProto = convert_float_to_float16(copy, keep_io_types=keep_inputs)
    return converted


def int8(
    model: onnx.ModelProto, rows: Rows, *, per_channel: bool = True, clipped: float | None = None
) -> onnx.ModelProto:
    """Quantise weights to 7 bits and activations to 8, with QuantizeLinear and DequantizeLinear.

    ``rows`` calibrate the ranges of the activations. ``clipped``, a percentage, takes the range
    that so many per cent of the calibration's values lie in, in place of all of them.
    """
    method = CalibrationMethod.MinMax if clipped is None else CalibrationMethod.Percentile
    more: dict[str, Any] = {} if clipped is None else {"CalibPercentile": clipped}
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset < _PER_CHANNEL:
        model = onnx.version_converter.convert_version(model, _PER_CHANNEL)
    with TemporaryDirectory() as folder:
        given, prepared, out = (Path(folder) / name for name in ("given", "prepared", "int8"))
        onnx.save(model, given)  # a model in memory would lose its weights to a file
        quant_pre_process(given, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            out,
            _Rows(model.graph.input[0].name, rows),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=per_channel,
            reduce_range=True,  # with 8 bits, sums saturate on processors without VNNI
            calibrate_method=method,
            extra_options=more,
        )
        return onnx.load(out)


@final
class _Rows(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Feeds of 32 rows; all of one size, as some ways of calibration want it."""

    def __init__(self, name: str, rows: Rows) -> None:
        size = min(32, len(rows))
        whole = len(rows) // size * size
        parts = rows[:whole].reshape(-1, size, *rows.shape[1:])
        self._feeds: Iterator[Mapping[str, Rows]] = iter(
            {name: np.ascontiguousarray(part)} for part in parts
        )

    def get_next(self) -> Mapping[str, Rows] | None:
        """Return the next feed, None at the end."""
        return next(self._feeds, None)
