"""Write every variant of a model into a folder: ``python -m tools.variants MODEL FOLDER``."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt
import onnx

from tools.variants.precision import half, int8
from tools.variants.spelling import optimised, re_exported, renamed
from tools.variants.weights import layers, pruned, redrawn

__all__ = ["VARIANTS", "Variant"]

Rows = npt.NDArray[Any]
DIGITS = Path(__file__).resolve().parents[2] / "models" / "digits.npz"


@final
@dataclass(frozen=True)
class Variant:
    """How a variant is made of a model and rows of data, and whether it is the same function."""

    make: Callable[[onnx.ModelProto, Rows], onnx.ModelProto]
    same: bool = False


def _middle(model: onnx.ModelProto) -> tuple[str, ...]:
    """The weights in the middle of a network."""
    found = layers(model)
    return (found[len(found) // 2],)


def _noise(rows: Rows) -> Rows:
    return np.random.default_rng(0).random((32, *rows.shape[1:])).astype(rows.dtype)


VARIANTS: Mapping[str, Variant] = {
    "renamed": Variant(lambda m, _: renamed(m), same=True),
    "re-exported": Variant(lambda m, _: re_exported(m), same=True),
    "optimised-basic": Variant(lambda m, _: optimised(m, level="basic"), same=True),
    "optimised-extended": Variant(lambda m, _: optimised(m, level="extended"), same=True),
    "float16": Variant(lambda m, _: half(m)),
    "float16-inside": Variant(lambda m, _: half(m, keep_inputs=True)),
    "int8": Variant(int8),
    "int8-noise": Variant(lambda m, rows: int8(m, _noise(rows), per_channel=False)),
    "int8-clipped": Variant(lambda m, rows: int8(m, rows[:32], per_channel=False, clipped=90.0)),
    "pruned-layer": Variant(lambda m, _: pruned(m, 0.9, only=_middle(m))),
    "pruned-half": Variant(lambda m, _: pruned(m, 0.5)),
    "redrawn": Variant(lambda m, _: redrawn(m, only=_middle(m))),
}
"""Calibrated on noise, or with a fifth of its values cut off, int8 is badly done on purpose."""


def main() -> None:
    """Write the variants, all or those named."""
    parser = argparse.ArgumentParser(prog="python -m tools.variants", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--data", type=Path, default=DIGITS, help="a .npz file with the input's name"
    )
    parser.add_argument("--only", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    options = parser.parse_args()
    model = onnx.load(options.model)
    with np.load(options.data) as data:
        rows = data[model.graph.input[0].name]
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        path = options.folder / f"{name}.onnx"
        onnx.save(VARIANTS[name].make(model, rows), path)
        print(path)


if __name__ == "__main__":
    main()
