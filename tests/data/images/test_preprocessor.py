"""Hugging Face's preprocessor_config.json, as its own classes would read it, or not at all.

The files below are those that the classes named in them write. With transformers 5.24 the rows of
pictures agreed to the last bit with its Pillow back end: BEiT, BiT, BLIP, CLIP, ConvNeXt, DeiT,
LeViT, MobileNet, OWL-ViT, PoolFormer, PVT, SegFormer, SigLIP, ViT; the other back end resizes
tensors and is off by up to ten levels of 255. Those of the presets agreed with torchvision 0.29.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from onnx_affscore.data.images.preparing import preparation
from onnx_affscore.data.images.presets import PRESETS, Preset, find_preset
from onnx_affscore.data.images.wanted import Wanted
from onnx_affscore.errors import DataError
from tests.data.images.pictures import noise, rows, save

HALVES = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
CLIP = {
    "image_processor_type": "CLIPImageProcessor", "do_resize": True, "resample": 3,
    "size": {"shortest_edge": 224}, "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224}, "do_rescale": True, "rescale_factor": 1 / 255,
    "do_normalize": True, "image_mean": list(PRESETS["clip"].mean),
    "image_std": list(PRESETS["clip"].std), "do_convert_rgb": True, "do_pad": None,
}  # fmt: skip
VIT = {
    "image_processor_type": "ViTImageProcessor", "do_resize": True, "resample": 2,
    "size": {"height": 24, "width": 32}, "do_rescale": True, "rescale_factor": 1 / 255,
    "do_normalize": True, **HALVES,
}  # fmt: skip
CONVNEXT = {
    "image_processor_type": "ConvNextImageProcessor", "do_resize": True, "resample": 3,
    "size": {"shortest_edge": 224}, "crop_pct": 0.875, **HALVES,
}  # fmt: skip


def preset(folder: Path, settings: object) -> Preset:
    file = folder / "preprocessor_config.json"
    file.write_text(json.dumps(settings))
    return find_preset(str(file))


def test_the_file_of_clip_is_the_preset_of_clip(tmp_path: Path) -> None:
    picture = Image.fromarray(noise(300, 400))
    wanted = Wanted("NCHW", 3, None, None, "float32")
    found = preparation(preset(tmp_path, CLIP), wanted)(picture)
    known = preparation(PRESETS["clip"], wanted)(picture)
    np.testing.assert_array_equal(found, known)  # an even margin: both roundings are one


def test_a_size_of_two_sides_stretches(tmp_path: Path) -> None:
    pixels = noise(50, 41)
    found = preparation(preset(tmp_path, VIT), Wanted("NHWC", 3, None, None, "float32"))
    expected = np.asarray(Image.fromarray(pixels).resize((32, 24), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(
        found(Image.fromarray(pixels)), expected / 127.5 - 1, atol=1e-6  # rounding of float32
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "shorter side to 256 (bicubic), centre crop 224x224"),
        ({"size": {"shortest_edge": 384}}, "stretched to 384x384 (bicubic)"),
        ({"size": 224}, "shorter side to 256 (bicubic), centre crop 224x224"),
    ],
)
def test_convnext_has_its_own_rule(changes: dict[str, Any], text: str, tmp_path: Path) -> None:
    made = preparation(
        preset(tmp_path, CONVNEXT | changes), Wanted("NCHW", 3, None, None, "float32")
    )
    assert str(made.geometry) == text


@pytest.mark.parametrize(
    ("kind", "size", "crop_pct", "resized"),
    [
        ("LevitImageProcessor", {"shortest_edge": 224}, None, 256),
        ("LevitFeatureExtractor", 160, None, 182),
        ("PoolFormerImageProcessor", {"shortest_edge": 224}, 0.9, 248),
        ("PoolFormerImageProcessor", {"shortest_edge": 384}, 0.95, 404),
    ],
)
def test_levit_and_poolformer_resize_to_more_than_they_say(
    kind: str, size: object, crop_pct: float | None, resized: int, tmp_path: Path
) -> None:
    crop = {"do_center_crop": True, "crop_size": {"height": 160, "width": 160}}
    file = CLIP | {"image_processor_type": kind, "size": size, "crop_pct": crop_pct} | crop
    made = preparation(preset(tmp_path, file), Wanted("NCHW", 3, None, None, "float32"))
    assert str(made.geometry) == f"shorter side to {resized} (bicubic), centre crop 160x160"


@pytest.mark.parametrize(
    ("kind", "more", "text"),
    [
        ("CLIPFeatureExtractor", {"crop_size": 20, "do_center_crop": True}, "shorter side to 24 "),
        ("ViTFeatureExtractor", {}, "stretched to 24x24 "),
        ("DeiTFeatureExtractor", {"crop_size": 20, "do_center_crop": True}, "stretched to 24x24 "),
        (None, {}, "stretched to 24x24 "),
    ],
)
def test_one_number_means_what_it_meant_to_the_class(
    kind: str | None, more: dict[str, Any], text: str, tmp_path: Path
) -> None:
    old = {"feature_extractor_type": kind, "size": 24, "resample": 2, **HALVES, **more}
    made = preparation(preset(tmp_path, old), Wanted("NCHW", 3, None, None, "float32"))
    assert str(made.geometry).startswith(text)
    assert made.geometry.crop == ((20, 20) if more else (24, 24))


def test_steps_that_are_switched_off_are_not_done(tmp_path: Path) -> None:
    off = {"do_resize": False, "do_rescale": False, "do_normalize": False}
    file = tmp_path / "p.json"
    file.write_text(json.dumps(off))
    pixels = noise(9, 9)
    save(tmp_path / "in" / "a.png", pixels)
    found = rows(tmp_path / "in", ("n", 9, 9, 3), preset=str(file))
    np.testing.assert_array_equal(found[0], pixels)
    with pytest.raises(DataError, match=r"a\.png: found 9x9 pixels, wanted 8x8"):
        rows(tmp_path / "in", ("n", 8, 8, 3), preset=str(file))


def test_the_file_and_the_model_have_to_agree(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="in width: the model takes 8, the preset makes 32"):
        preparation(preset(tmp_path, VIT), Wanted("NCHW", 3, 24, 8, "float32"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([1], "found no settings of an image processor"),
        ({"vocab_size": 3}, "found no settings"),
        (VIT | {"do_pad": True}, "found 'do_pad', which is not known here"),
        (VIT | {"do_flip_channel_order": True}, "'do_flip_channel_order'"),
        (VIT | {"image_processor_type": "PerceiverImageProcessor"}, "crops before it resizes"),
        (VIT | {"size": {"longest_edge": 9}}, "found the size {'longest_edge': 9}"),
        (VIT | {"size": {"shortest_edge": 9}}, "a shortest edge and no crop"),
        (VIT | {"resample": None}, "found no 'resample'"),
        (VIT | {"resample": 9}, "make no sense"),
        (VIT | {"image_mean": None}, "make no sense"),
        (VIT | {"size": {"height": "a", "width": 3}}, "make no sense"),
        (VIT | {"rescale_factor": 0}, "make no sense"),
        (VIT | {"crop_pct": 0.9}, "without a size of 'shortest_edge'"),
        ({k: v for k, v in VIT.items() if k != "size"}, "make no sense"),
        (VIT | {"do_resize": False, "do_center_crop": True, "crop_size": 8}, "crop without resiz"),
        (VIT | {"size": 24, "do_center_crop": True, "crop_size": 20,
                "image_processor_type": "Other"}, "may be a square or a shorter side"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused(settings: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        preset(tmp_path, settings)


@pytest.mark.parametrize("content", [b"\xff", b"{", b"[" * 200_000 + b"]" * 200_000])
def test_a_file_that_is_no_json_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_bytes(content)
    with pytest.raises(DataError, match=r"p\.json: cannot be read as JSON"):
        find_preset(str(tmp_path / "p.json"))
