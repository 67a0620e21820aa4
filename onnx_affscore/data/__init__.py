"""Where the rows that a model is fed come from: files, arrays, streams, made-up values."""

from onnx_affscore.data.source import open_source
from onnx_affscore.data.spec import SOURCES

__all__ = ["SOURCES", "open_source"]
