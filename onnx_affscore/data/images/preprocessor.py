"""Hugging Face's preprocessor_config.json as a preset; what is not known here is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from onnx_affscore.data.images.geometry import RESAMPLES, Size
from onnx_affscore.data.images.presets import Preset
from onnx_affscore.errors import DataError
from onnx_affscore.given_json import parsed

__all__ = ["read_preprocessor"]

_KNOWN: Final = {
    "do_resize", "size", "resample", "do_center_crop", "crop_size", "crop_pct", "do_rescale",
    "rescale_factor", "do_normalize", "image_mean", "image_std", "do_convert_rgb",
}  # fmt: skip
# Names of classes, and of what becomes of the result: they change no pixel.
_HARMLESS: Final = {
    "image_processor_type", "feature_extractor_type", "processor_class", "auto_map",
    "_valid_processor_keys", "return_tensors", "data_format", "input_data_format", "device",
    "disable_grouping", "_processor_class", "model_input_names", "default_to_square",
}  # fmt: skip
# ConvNeXt's own rule: below this side a picture is resized and cropped, from it on stretched.
_CROPPED_BELOW: Final = 384
# LeViT's class makes the shorter side larger than the file says.
_LEVIT: Final = 256 / 224


def read_preprocessor(path: Path) -> Preset:
    """The preset that the file describes.

    Raises
    ------
    DataError
        It is no such file, or asks for a step that is not known here.
    """
    try:
        found = parsed(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise DataError(f"cannot be read as JSON ({exc})") from exc
    if not isinstance(found, dict) or not _KNOWN & found.keys():
        raise DataError("found no settings of an image processor; give preprocessor_config.json")
    odd = [k for k, v in found.items() if v and k not in _KNOWN | _HARMLESS]
    if odd:
        raise DataError(
            f"found {', '.join(map(repr, odd))}, which is not known here; prepare the images"
            " with the model's own code and give them as .npy"
        )
    if _class(found).startswith("Perceiver"):
        raise DataError(
            f"found {_class(found)}, which crops before it resizes and is not known here; prepare"
            " the images with it and give them as .npy"
        )
    try:
        return _preset(found)
    except (ArithmeticError, LookupError, TypeError, ValueError) as exc:
        if isinstance(exc, DataError):
            raise
        raise DataError(f"found settings that make no sense ({exc!r})") from exc


def _preset(found: Mapping[str, Any]) -> Preset:
    keys = ("image_mean", "image_std") if found.get("do_normalize", True) else ()
    mean, std = [tuple(map(float, found[key])) for key in keys] or ((), ())
    factor = found.get("rescale_factor", 1 / 255) if found.get("do_rescale", True) else 1.0
    resample = found.get("resample")
    fit, resized, size = _sizes(found)
    if found.get("do_resize", True) and resample is None:
        raise DataError("found no 'resample': the classes of Hugging Face differ in it; add it")
    return Preset(
        help="a file",
        divisor=1 / float(factor),
        mean=mean,
        std=std,
        fit=fit,
        resample=RESAMPLES[0 if resample is None else int(resample)],
        size=size,
        resized=resized,
        floors=True,
    )


def _sizes(found: Mapping[str, Any]) -> tuple[str, Size | None, Size | None]:
    """How pictures are fitted, what they are resized to, and what is left of them."""
    crop = _side(found["crop_size"]) if found.get("do_center_crop") else None
    if not found.get("do_resize", True):
        if crop is not None:
            raise DataError("found a crop without resizing, which is not known here")
        return "as-is", None, None
    size, share = found["size"], found.get("crop_pct")
    if not isinstance(size, Mapping):
        size = _spelled_out(int(size), found, crop)
    if set(size) not in ({"height", "width"}, {"shortest_edge"}):
        raise DataError(f"found the size {dict(size)}; known are height and width, shortest_edge")
    shorter = size.get("shortest_edge")
    if share is not None:
        if shorter is None:
            raise DataError("found 'crop_pct' without a size of 'shortest_edge'")
        side = int(shorter)
        if crop is not None:  # PoolFormer
            return "cover", (int(side / float(share)),) * 2, crop
        if side >= _CROPPED_BELOW:
            return "stretch", (side, side), (side, side)
        larger = int(side / float(share))
        return "cover", (larger, larger), (side, side)
    if shorter is not None:
        if crop is None:
            raise DataError("found a shortest edge and no crop: the images differ in size")
        side = int(shorter * (_LEVIT if _class(found).startswith("Levit") else 1))
        return "cover", (side, side), crop
    exact = _side(size)
    return "stretch", exact, crop or exact


def _spelled_out(side: int, found: Mapping[str, Any], crop: Size | None) -> dict[str, int]:
    """What one number means in files of old: a square, but to CLIP and ConvNeXt a shorter side."""
    name = _class(found)
    if found.get("crop_pct") is not None or name.startswith(("CLIP", "Levit")):
        return {"shortest_edge": side}
    if crop is None or name.startswith(("ViT", "DeiT", "Beit")):
        return {"height": side, "width": side}
    raise DataError(
        f"found the size {side}, which may be a square or a shorter side; write it as"
        ' {"height": .., "width": ..} or {"shortest_edge": ..}'
    )


def _class(found: Mapping[str, Any]) -> str:
    """The name of the class that wrote the file."""
    return str(found.get("image_processor_type") or found.get("feature_extractor_type"))


def _side(size: Any) -> Size:
    if isinstance(size, Mapping):
        return int(size["height"]), int(size["width"])
    return int(size), int(size)
