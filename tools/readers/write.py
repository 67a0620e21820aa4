"""Write each network of the zoo, its overlays, and what they are to show, into a folder."""

import json
import shutil
import sys
from pathlib import Path

from onnx_affscore import signature
from onnx_affscore.report.output import write_as

MODELS = Path(__file__).resolve().parents[2] / "models"


def main(folder: Path) -> None:
    for path in sorted(MODELS.glob("*.onnx")):
        found = signature(path, [str(MODELS / "digits.npz")], samples=64)
        shutil.copy(path, folder)
        write_as(found, "netron", folder / f"{path.stem}.netron.json")
        write_as(found, "model-explorer", folder / f"{path.stem}.model-explorer.json")
        wanted = [
            {"nodes": s.nodes, "output": s.output, "affinity": s.affinity}
            for s in found.sites
            if s.affinity is not None
        ]
        (folder / f"{path.stem}.wanted").write_text(json.dumps(wanted))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
