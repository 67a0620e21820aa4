"""Every figure of the table: a file of each kind, the same each time, its names as words."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from onnx_affscore.records import Signature
from onnx_affscore.report.figures import FIGURES, SUFFIXES, image_bytes
from tests.report.figures.examples import EXAMPLES, LABELS

MAGIC = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


def test_there_is_an_example_of_each_figure() -> None:
    assert list(EXAMPLES) == list(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_data_gives_the_same_bytes(name: str, signature: Signature) -> None:
    first, second = (EXAMPLES[name](signature) for _ in range(2))
    files = [image_bytes(first, suffix) for suffix in SUFFIXES]
    for suffix, file in zip(SUFFIXES, files, strict=True):
        assert file.startswith(MAGIC[suffix])
    # In another order: what a figure was saved as before is no matter.
    assert [image_bytes(second, suffix) for suffix in reversed(SUFFIXES)] == files[::-1]


@pytest.mark.parametrize("name", FIGURES)
def test_names_are_words_in_the_vectors(name: str, signature: Signature) -> None:
    root = ET.fromstring(image_bytes(EXAMPLES[name](signature), ".svg"))
    words = {"".join(text.itertext()).strip() for text in root.findall(".//{*}text")}
    assert words >= set(LABELS)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_another_process_gives_the_same_bytes(suffix: str) -> None:
    code = (
        "import hashlib; from onnx_affscore.report.figures import agreement, image_bytes\n"
        "figure = agreement(['relu', 'gelu'], [0.62, 0.7], [0.62, 0.61], [0.01, 0.01])\n"
        f"print(hashlib.sha256(image_bytes(figure, {suffix!r})).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
