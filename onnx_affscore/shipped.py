"""Where the shipped example lies: inside an installed package, or in the checkout's models/."""

from pathlib import Path

from onnx_affscore.errors import DataError

__all__ = ["demo_files"]

_HERE = Path(__file__).parent
_FOLDERS = (_HERE / "shipped_files", _HERE.parent / "models")
_MODEL, _DATA = "torch_resnet.onnx", "digits.npz"


def demo_files() -> tuple[Path, Path]:
    """Return the shipped model and its data; raises :class:`DataError` where they are missing."""
    for folder in _FOLDERS:
        if (folder / _MODEL).is_file() and (folder / _DATA).is_file():
            return folder / _MODEL, folder / _DATA
    raise DataError(
        f"the shipped example {_MODEL} is in neither {_FOLDERS[0]} nor {_FOLDERS[1]};"
        " install the package again"
    )
