"""Data for a model with one input: the digits where it takes them, else normal noise."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import onnx

from onnx_affscore.records import Array
from tools.benchmarks.exports import ROOT

__all__ = ["Input", "digits_or_noise", "noise", "the_input"]

_DIGITS = ROOT / "models" / "digits.npz"
_SEED = 0


@final
@dataclass(frozen=True, slots=True)
class Input:
    """A model's input: its name, and the shape of one sample."""

    name: str
    sample: tuple[int, ...]


def the_input(file: Path) -> Input:
    """Return the only input of a model; its first axis counts samples."""
    graph = onnx.load(file, load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    ports = [port for port in graph.input if port.name not in constants]
    if len(ports) != 1:
        found = ", ".join(port.name for port in ports) or "none"
        raise ValueError(f"{file} has the inputs {found}; the benchmarks take a model with one")
    axes = ports[0].type.tensor_type.shape.dim
    return Input(ports[0].name, tuple(axis.dim_value for axis in axes[1:]))


def noise(shape: tuple[int, ...]) -> Array:
    """Return independent normal values in float32, the same at every call."""
    return np.random.default_rng(_SEED).standard_normal(shape, dtype=np.float32)


def digits_or_noise(file: Path, samples: int) -> Array:
    """Return rows for a model; no more than there are digits where it takes those."""
    port = the_input(file)
    with np.load(_DIGITS, allow_pickle=False) as digits:
        if port.name in digits and digits[port.name].shape[1:] == port.sample:
            rows: Array = digits[port.name][:samples]
            return rows
    return noise((samples, *port.sample))
