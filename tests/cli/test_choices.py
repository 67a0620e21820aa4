"""Choices that the command line spells out, to start quickly, are those of the package."""

import re

import click
import pytest

from onnx_affscore.cli.check import command as check
from onnx_affscore.cli.grouped import SECTIONS, Grouped
from onnx_affscore.cli.score import command as score
from onnx_affscore.feeding import TEXT_UNITS
from onnx_affscore.options import COVARIANCES, POOLS, SPARSITIES
from onnx_affscore.run.providers import PROVIDERS
from onnx_affscore.score.crossfit import CROSS_FITTED
from onnx_affscore.score.estimate import COVARIANCES as ESTIMATES
from onnx_affscore.score.headline import AUTO, CORRECTED


def choices(name: str) -> set[str]:
    (option,) = (p for p in score.params if p.name == name)
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


@pytest.mark.parametrize("listed", [score, check])
def test_every_option_stands_under_one_heading_of_the_help(listed: Grouped) -> None:
    text = listed.get_help(click.Context(listed, help_option_names=["-h", "--help"]))
    headings = [name for names in (*listed.own.values(), *SECTIONS.values()) for name in names]
    for option in listed.params:
        if isinstance(option, click.Option):
            assert option.name in headings
            (name, *_) = (n for n in option.opts if n.startswith("--"))
            starts = re.findall(rf"^  (?:-\w, )?{name}(?![\w-])", text, re.MULTILINE)
            assert len(starts) == 1, name
    assert text.rstrip().endswith("Show this message and exit.")


def test_headings_name_options_that_there_are() -> None:
    names = [name for section in SECTIONS.values() for name in section]
    assert sorted(names) == sorted(p.name or "" for p in score.params[1:])
