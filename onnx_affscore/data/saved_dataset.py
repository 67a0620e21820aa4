"""Data sets that Hugging Face's library saved to disk, read without it: Arrow files and JSON."""

from pathlib import Path
from typing import Any, Final, TypeVar

from onnx_affscore.data.arrow import ArrowFrame, arrow_pieces
from onnx_affscore.data.arrow_data import as_data
from onnx_affscore.data.opening import Request, Table
from onnx_affscore.errors import DataError
from onnx_affscore.given_json import parsed

__all__ = ["is_saved_dataset", "open_saved_dataset"]

# What lies in the folder of one split, of several, and beside both in the library's cache.
_STATE: Final = "state.json"
_SPLITS: Final = "dataset_dict.json"
_INFO: Final = "dataset_info.json"

_Told = TypeVar("_Told", list[Any], dict[str, Any])


def is_saved_dataset(text: str) -> bool:
    """Whether a path is such a folder, or FOLDER:SPLIT of one that has splits."""
    folder, split = _divided(text)
    return split is not None or _is_one(folder) or (folder / _SPLITS).is_file()


def open_saved_dataset(request: Request) -> Table:
    """The rows of one split: columns of pictures, or of numbers, lists and text, as of any table.

    The only column of classes tells the labels, by their names, where ``--label`` names none;
    no column of classes is a feature.

    Raises
    ------
    DataError
        The split is not there or not named, or the folder is damaged.
    MissingExtraError
        pyarrow is not installed.
    """
    folder = _split(request.text)
    features = _told(folder / _INFO, "features", {})
    pieces = [piece for file in _files(folder) for piece in arrow_pieces(file)]
    return as_data(ArrowFrame(request.text, pieces, folder, features), request)


def _divided(text: str) -> tuple[Path, str | None]:
    """FOLDER and SPLIT of FOLDER:SPLIT; None where the whole is a folder, or there is no such."""
    before, sign, after = text.rpartition(":")
    whole = Path(text)
    if whole.is_dir() or not sign or not (Path(before) / _SPLITS).is_file():
        return whole, None
    return Path(before) / after, after


def _is_one(folder: Path) -> bool:
    return (folder / _INFO).is_file() and any(folder.glob("*.arrow"))


def _split(text: str) -> Path:
    """The folder with the rows: the one that is named, or the only one."""
    folder, split = _divided(text)
    parent = folder if split is None else folder.parent
    if not (parent / _SPLITS).is_file():
        return folder
    # A folder of the data set is a name in it, wherever its file points.
    splits = [Path(str(s)).name for s in _told(parent / _SPLITS, "splits", [])]
    if split is None and len(splits) == 1:
        (split,) = splits
    if split is None or split not in splits:
        found = "several splits" if split is None else f"no split '{split}'"
        raise DataError(
            f"{text}: found {found}; it has {', '.join(splits)}; name one: --data"
            f" {parent}:{splits[0] if splits else 'train'}"
        )
    return parent / split


def _files(folder: Path) -> list[Path]:
    """The Arrow files in their order, as the folder's state tells, else by name."""
    state = folder / _STATE
    if state.is_file() and _told(state, "_indices_data_files", []):
        raise DataError(
            f"{folder}: its rows are chosen by a file of indices; save it again after"
            " dataset.flatten_indices()"
        )
    entries = _told(state, "_data_files", []) if state.is_file() else []
    names = [entry.get("filename") if isinstance(entry, dict) else None for entry in entries]
    if not all(isinstance(name, str) and Path(name).name for name in names):
        raise DataError(f"{state}: it lists files without names; save the data set again")
    listed = [folder / Path(str(name)).name for name in names]
    files = listed or sorted(folder.glob("*.arrow"))
    if not files:
        raise DataError(f"{folder}: found no .arrow file; save the data set again")
    return files


def _told(path: Path, key: str, nothing: _Told) -> _Told:
    """What a file says under a key, of the type of ``nothing``, which stands for none."""
    try:
        found = parsed(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise DataError(f"{path}: cannot be read ({exc}); save the data set again") from exc
    told = found.get(key) if isinstance(found, dict) else None
    if told is not None and not isinstance(told, type(nothing)):
        raise DataError(
            f"{path}: found {type(told).__name__} for '{key}', wanted {type(nothing).__name__};"
            " save the data set again"
        )
    return nothing if told is None else told
