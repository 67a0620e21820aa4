"""The examples in the docstrings hold."""

import doctest
import importlib
import pkgutil

import pytest

import onnx_affscore.data


@pytest.mark.parametrize(
    "name", [m.name for m in pkgutil.iter_modules(onnx_affscore.data.__path__)]
)
def test_the_examples_hold(name: str) -> None:
    module = importlib.import_module(f"onnx_affscore.data.{name}")
    assert doctest.testmod(module).failed == 0
