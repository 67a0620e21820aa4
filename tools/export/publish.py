"""Checks an exported file, measures it with ONNX Runtime and enters it in the manifest."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from tools.export.manifest import MODELS, Entry, Site, record_model
from tools.train.split import load_part

__all__ = ["LICENCE", "Origin", "publish"]

LICENCE = "Apache-2.0"
LEAST_ACCURACY = 0.95
# float32 kernels add in another order than the framework's; logits here stay below 100.
TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file comes from: ``framework`` and ``exporter`` are distribution names.

    ``folder`` below models/ is for a series of one network; it has a manifest of its own.
    """

    name: str
    framework: str
    exporter: str
    route: str
    seed: int
    input: str
    output: str
    sites: Sequence[Site]
    folder: str = ""
    script: str | None = None
    least_accuracy: float = LEAST_ACCURACY


def publish(model: onnx.ModelProto, origin: Origin, *, wanted: NDArray[np.float32]) -> None:
    """Save ``model`` as one file, provided that it does what the framework's network did.

    ``wanted`` (n, classes) holds the framework's own outputs for the test part.
    """
    onnx.checker.check_model(model, full_check=True)
    part = load_part(origin.input, "test")
    got = _run(model, origin, part.x)
    gap = float(np.abs(got - wanted).max())
    if gap > TOLERANCE:
        raise ValueError(f"{origin.name}: outputs differ from the framework's by {gap}")
    accuracy = float(np.mean(got.argmax(axis=1) == part.y))
    if accuracy < origin.least_accuracy:
        raise ValueError(
            f"{origin.name}: found accuracy {accuracy}, wanted {origin.least_accuracy}"
        )
    file = MODELS / origin.folder / f"{origin.name}.onnx"
    file.parent.mkdir(exist_ok=True)
    onnx.save(model, file)
    record_model(
        origin.name,
        Entry(
            file=file.name,
            framework=origin.framework,
            framework_version=version(origin.framework),
            exporter=origin.route,
            exporter_version=version(origin.exporter),
            opset=next(o.version for o in model.opset_import if o.domain == ""),
            script=origin.script or f"tools/export/{origin.name}.py",
            seed=origin.seed,
            accuracy=accuracy,
            input=origin.input,
            output=origin.output,
            licence=LICENCE,
            expected_sites=tuple(origin.sites),
        ),
        folder=file.parent,
    )
    print(f"{file.name}: accuracy {accuracy:.3f}, {file.stat().st_size} bytes, gap {gap:.1e}")


def _run(model: onnx.ModelProto, origin: Origin, x: NDArray[np.float32]) -> NDArray[np.float32]:
    content = model.SerializeToString()
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    (logits,) = session.run([origin.output], {origin.input: x})
    return np.asarray(logits)
