"""Sound files: every way to store sound gives the same numbers; rows suit the model or are told."""

import os
import struct
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from onnx_affscore.data import open_source
from onnx_affscore.data.folders import file_labels
from onnx_affscore.data.waves import header_of, sound_of
from onnx_affscore.errors import DataError, OptionError, UnreadableRowsError
from onnx_affscore.feeding import Feeding
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import Array, InputHint
from tests.data.samples import hint, read, read_all

RATE = 16000
FIXED = hint("audio", ("n", 128))
STATE = hint("state", (2, "n", 128), axis=1)
SR = hint("sr", (), "int64", axis=None)
STREAM = [hint("input", ("n", "t")), STATE, SR]
TONE = np.sin(np.arange(1600) / 7) * 0.9


def pcm(path: Path, sound: Array, bits: int, *, rate: int = RATE) -> Path:
    """Write integers of so many bits with the standard library, one column a channel."""
    sound = sound.reshape(len(sound), -1)
    full = 2 ** (bits - 1)
    whole = np.clip(np.round(sound * full), -full, full - 1).astype(np.int64)
    whole += 128 if bits == 8 else 0  # eight bits have no sign
    step = bits // 8
    with wave.open(str(path), "wb") as file:
        file.setparams((sound.shape[1], step, rate, 0, "NONE", ""))
        file.writeframes(
            b"".join(
                int(v).to_bytes(step, "little", signed=bits != 8) for v in whole.ravel().tolist()
            )
        )
    return path


def tones(folder: Path, lengths: Sequence[int], *, rate: int = RATE) -> None:
    for number, length in enumerate(lengths):
        pcm(folder / f"{number}.wav", np.full(length, (number + 1) / 8), 16, rate=rate)


def opened(folder: Path, *hints: InputHint, **said: Any) -> DataSource:
    return open_source(str(folder), hints or [FIXED], feeding=Feeding(**said))


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_integers_are_fractions_of_full_scale(tmp_path: Path, bits: int) -> None:
    found = sound_of(pcm(tmp_path / "x.wav", TONE, bits), RATE)
    assert found.dtype == np.float32
    # Half a step of the integers, and of float32 below 1.
    error = np.abs(found - TONE).max()
    assert error <= 2.0**-bits + 2.0**-25
    assert error > 2.0 ** -(bits + 4) or bits > 24  # and no more digits than there are


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_taken_as_they_are(tmp_path: Path, dtype: type) -> None:
    wavfile.write(tmp_path / "x.wav", RATE, TONE.astype(dtype))
    np.testing.assert_array_equal(sound_of(tmp_path / "x.wav", RATE), TONE.astype(np.float32))


def test_channels_are_averaged(tmp_path: Path) -> None:
    pair = np.stack([TONE, np.zeros_like(TONE)], 1)
    found = sound_of(pcm(tmp_path / "x.wav", pair, 16), RATE)
    assert np.abs(found - TONE / 2).max() <= 2.0**-16


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_a_tone_is_the_same_tone_at_another_rate(tmp_path: Path, rate: int) -> None:
    def tone(samples: int, rate: int) -> Array:
        found: Array = 0.5 * np.sin(2 * np.pi * 440 * np.arange(samples) / rate)
        return found

    path = pcm(tmp_path / "x.wav", tone(rate // 5, rate), 16, rate=rate)
    found = sound_of(path, RATE)
    assert len(found) == header_of(path).length(RATE)
    wanted = tone(len(found), RATE)
    # The filter passes a tone this low but for 60 dB; at the ends it has nothing to look at.
    inner = slice(400, -400)
    assert np.abs(found - wanted)[inner].max() < 1e-3
    assert np.abs(found - tone(len(found) + 1, RATE)[1:])[inner].max() > 1e-2


def test_files_are_cut_or_filled_up_to_the_length_of_the_model(tmp_path: Path) -> None:
    tones(tmp_path, [100, 128, 300])
    for shape in (("n", 128), ("n", 1, 128), ("n", 128, 1)):
        source = opened(tmp_path, hint("audio", shape))
        rows = read(source).reshape(3, 128)
        assert rows[0].tolist() == [0.125] * 100 + [0] * 28
        assert rows[2].tolist() == [0.375] * 128
        assert "(0.008 s), as the model wants; 1 cut off; 1 filled up" in source.notes[-1]


def test_an_open_length_is_that_of_the_longest_file_or_of_the_window(tmp_path: Path) -> None:
    tones(tmp_path, [100, 300])
    wide = hint("audio", ("n", "t"))
    assert read(opened(tmp_path, wide)).shape == (2, 300)
    assert read(opened(tmp_path, wide, window=200)).shape == (2, 200)
    assert read(opened(tmp_path, wide, sample_rate=8000)).shape == (2, 150)
    with pytest.raises(DataError, match=r"--window 200: input 'audio' wants 128"):
        opened(tmp_path, window=200)


def test_a_long_recording_is_no_row_of_minutes(tmp_path: Path) -> None:
    tones(tmp_path, [RATE * 11])
    source = opened(tmp_path, hint("audio", ("n", "t")))
    assert read(source).shape == (1, RATE * 10)
    assert "10 s, since the model does not say" in source.notes[-1]


def test_a_streaming_model_gets_windows_each_with_a_state_of_zeros(tmp_path: Path) -> None:
    sound = np.arange(700) / 1000
    pcm(tmp_path / "a.wav", sound, 32)
    pcm(tmp_path / "b.wav", sound[:50], 32)
    source = opened(tmp_path, *STREAM, window=200, label_pattern="([ab])")
    found = next(source.batches(64)).feeds
    np.testing.assert_allclose(found["input"][:3].ravel(), sound[:600], atol=2.0**-25)
    assert found["input"][3, 50:].tolist() == [0] * 150
    assert found["state"].shape == (2, 4, 128)
    assert not found["state"].any()
    (batch, _rest) = source.batches(3)
    assert batch.feeds["sr"].tolist() == RATE
    assert source.labels is not None
    assert source.labels.codes.tolist() == [0, 0, 0, 1]
    assert "4 windows of 2 files" in source.notes[-4]


def test_windows_are_as_long_as_such_models_take(tmp_path: Path) -> None:
    tones(tmp_path, [2000])
    assert next(opened(tmp_path, *STREAM).batches(9)).feeds["input"].shape == (3, 576)
    other = [STREAM[0], hint("cache", ("n", 64))]
    assert read_all(opened(tmp_path, *other))["input"].shape == (3, 512)
    fixed = [hint("x", (1, 1, 500)), hint("h0", (1, 8))]
    assert read_all(opened(tmp_path, *fixed), 1)["x"].shape == (4, 1, 500)


def test_one_file_is_data_too(tmp_path: Path) -> None:
    tones(tmp_path, [128, 128])
    assert read(opened(tmp_path / "1.wav")).tolist() == [[0.25] * 128]


def damaged(folder: Path) -> dict[str, str]:
    """Files that are no sound, by name, with what is said of each."""
    good = pcm(folder / "0.wav", TONE, 16).read_bytes()
    wavfile.write(folder / "4.wav", RATE, np.array([0.0, np.nan] * 90))
    contents = {
        "1.wav": (b"", "ends too soon"),
        "2.wav": (b"ID3 not a wave at all", "found no WAV file"),
        "3.wav": (good[:-100], "cut off: 3100 of 3200 bytes"),
        "5.wav": (good[:20] + struct.pack("<H", 2) + good[22:], "of the format 0x0002 with 16"),
        "6.wav": (good[:12] + good[36:], "does not say how its sound is stored"),
        "7.wav": (good[:34] + struct.pack("<H", 12) + good[36:], "with 12 bits"),
    }
    for name, (content, _reason) in contents.items():
        (folder / name).write_bytes(content)
    return {name: reason for name, (_, reason) in contents.items()} | {"4.wav": "not finite"}


def test_damaged_files_are_rows_that_can_be_left_out(tmp_path: Path) -> None:
    reasons = damaged(tmp_path)
    pcm(tmp_path / "8.wav", TONE, 16)
    source = opened(tmp_path, on_error="skip")
    assert len(read(source)) == 2
    assert len(source.skipped) == len(reasons)
    for row, reason in source.skipped.items():
        assert f"{row}.wav: " in reason
        assert reasons[f"{row}.wav"] in reason
    with pytest.raises(UnreadableRowsError, match=r"1\.wav: the WAV file ends too soon"):
        read(opened(tmp_path))


@pytest.mark.parametrize("left", [None, 10, 200])
def test_a_file_that_is_gone_or_cut_short_meanwhile_is_one_row(
    tmp_path: Path, left: int | None
) -> None:
    tones(tmp_path, [128] * 6)
    batches = (source := opened(tmp_path, on_error="skip")).batches(2)
    found = [next(batches).feeds["audio"]]
    if left is None:
        (tmp_path / "3.wav").unlink()
    else:
        os.truncate(tmp_path / "3.wav", left)
    found += [batch.feeds["audio"] for batch in batches]
    np.testing.assert_allclose(np.concatenate(found)[:, 0] * 8, [1, 2, 3, 5, 6], atol=1e-3)
    assert "3.wav: " in source.skipped[3]


def test_chunks_that_are_no_sound_are_passed_over(tmp_path: Path) -> None:
    good = pcm(tmp_path / "0.wav", TONE, 16).read_bytes()
    extra = b"LIST" + struct.pack("<I", 5) + b"words\0"
    (tmp_path / "1.wav").write_bytes(good[:12] + extra + good[12:36] + extra + good[36:] + extra)
    first, second = read(opened(tmp_path))
    np.testing.assert_array_equal(first, second)


def test_classes_are_folders_or_a_part_of_the_path(tmp_path: Path) -> None:
    for name in ("yes/0_a.wav", "no/1_b.WAV", "no/.hidden.wav", ".git/2.wav", "no/deep/0_c.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        pcm(tmp_path / name, TONE, 16)
    labels = opened(tmp_path).labels
    assert labels is not None
    assert labels.names == ("no", "yes")
    assert labels.codes.tolist() == [0, 0, 1]
    labels = opened(tmp_path, label_pattern=r"(\d)_\w+\.(?i:wav)$").labels
    assert labels is not None
    assert [labels.names[c] for c in labels.codes] == ["1", "0", "0"]


def test_a_pattern_that_suits_no_path_is_told() -> None:
    with pytest.raises(DataError, match=r"not found in 'b\.wav' of x, nor in 1 other\(s\) of 3"):
        file_labels(["1.wav", "b.wav", "c.wav"], pattern=r"(\d)", where="x")
    with pytest.raises(OptionError, match="no regular expression"):
        Feeding(label_pattern="(")
    with pytest.raises(OptionError, match="has no group"):
        Feeding(label_pattern="a")


@pytest.mark.parametrize(
    ("hints", "message"),
    [
        ([hint("mfcc", ("n", 1, 49, 13))], r"no input .*takes it as it is.*features\.py"),
        ([hint("x", ("n", 6))], r"no input of the model takes it"),
        ([hint("x", ("n", 256), "int16")], r"no input of the model takes it"),
        ([hint("a", ("n", 256)), hint("b", ("n", 256))], r"2 of the model's inputs.*--data a="),
        ([FIXED, hint("state", ("s", "n", 4), axis=1)], r"no size for .*'state'.*--data state="),
        ([FIXED, hint("mask", ("n", 9), "bool")], "the model also wants 'mask'"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_can_be_done(
    tmp_path: Path, hints: list[InputHint], message: str
) -> None:
    tones(tmp_path, [300])
    with pytest.raises(DataError, match=message):
        opened(tmp_path, *hints)


def test_what_is_only_for_sound_is_not_passed_over(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 128)))
    with pytest.raises(DataError, match="--sample-rate is for sound"):
        open_source(str(tmp_path / "x.npy"), [FIXED], feeding=Feeding(sample_rate=9))
    with pytest.raises(DataError, match="found no such file"):
        opened(tmp_path / "no.wav")
