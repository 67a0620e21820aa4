"""Choices that the command line spells out, to start quickly, are those of the package."""

import click

from onnx_affscore.cli.score import command
from onnx_affscore.feeding import TEXT_UNITS
from onnx_affscore.options import COVARIANCES, POOLS, SPARSITIES
from onnx_affscore.run.providers import PROVIDERS
from onnx_affscore.score.crossfit import CROSS_FITTED
from onnx_affscore.score.estimate import COVARIANCES as ESTIMATES
from onnx_affscore.score.headline import AUTO, CORRECTED


def choices(name: str) -> set[str]:
    (option,) = (p for p in command.params if p.name == name)
    assert isinstance(option.type, click.Choice)
    return set(option.type.choices)


def test_options_take_what_the_package_knows() -> None:
    assert choices("covariance") == set(COVARIANCES)
    assert choices("pool") == set(POOLS)
    assert choices("sparsity") == set(SPARSITIES)
    assert choices("text_unit") == set(TEXT_UNITS)
    assert choices("provider") == set(PROVIDERS)


def test_every_covariance_has_an_estimate() -> None:
    assert set(COVARIANCES) == {AUTO, CORRECTED, CROSS_FITTED, *ESTIMATES}
