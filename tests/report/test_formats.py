"""The table of formats: every row renders every signature; looks are told apart."""

import subprocess
import sys
from dataclasses import replace

import pytest

from onnx_affscore.records import Signature
from onnx_affscore.report import FORMATS
from onnx_affscore.report.marks import KINS, MARKS, mark
from onnx_affscore.report.svg import marker


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_renders_a_full_and_an_empty_signature(name: str, signature: Signature) -> None:
    empty = replace(signature, sites=(), skipped=(), warnings=())
    for each in (signature, empty):
        content = FORMATS[name].render(each)
        assert content if isinstance(content, bytes) else content.encode()


def test_suffixes_are_unique() -> None:
    assert len({kind.suffix for kind in FORMATS.values()}) == len(FORMATS)


def test_the_table_is_read_without_loading_matplotlib() -> None:
    code = "import sys, onnx_affscore.report; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_two_activations_look_the_same() -> None:
    assert len(set(MARKS.values())) == len(MARKS)


def test_the_common_activations_differ_in_shape_alone() -> None:
    common = ("Relu", "Gelu", "Silu", "HardSwish", "Sigmoid", "HardSigmoid", "Tanh", "Softmax")
    assert len({mark(name).shape for name in common}) == len(common)


@pytest.mark.parametrize("name", [*MARKS, "SomethingNew"])
def test_every_activation_has_a_colour_and_a_drawing(name: str) -> None:
    assert mark(name).kin in KINS
    assert f"k-{mark(name).kin}" in marker(name, filled=True)
