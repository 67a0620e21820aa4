"""However an exporter writes an activation, it is one site, with its name and parameters."""

from pathlib import Path
from typing import Any

import pytest

from tests.builder import Builder, located
from tests.graph.spellings import SPELLINGS, Spelling

# Parameters are read off curves whose constants are rounded to the model's type.
_PARAMETER_ROUNDING = {"float32": 1e-5, "float16": 2e-3, "bfloat16": 1e-2}

_CASES = [
    pytest.param(s, dtype, dialect, id=f"{s.name}-{dtype}-{dialect}")
    for s in SPELLINGS
    for dtype in ("float32", "float16")
    for dialect in ("nodes", "initialisers")
]


def _network(spelling: Spelling, dtype: str, dialect: str) -> Builder:
    """Weights, the activation, weights."""
    g = Builder(opset=max(17, spelling.since), dtype=dtype, dialect=dialect)
    x = g.dense(g.input(["n", 8]), 8, 8)
    y = g.dense(spelling.write(g, x), 8, 4)
    g.output(y, ["n", 4])
    return g


def test_there_are_at_least_three_hundred_spellings() -> None:
    assert len(_CASES) >= 300


@pytest.mark.parametrize(("spelling", "dtype", "dialect"), _CASES)
def test_every_spelling_is_one_site_with_the_right_name(
    spelling: Spelling, dtype: str, dialect: str, tmp_path: Path
) -> None:
    found = located(_network(spelling, dtype, dialect), tmp_path)
    assert [s.activation for s in found.sites] == [spelling.activation], found
    assert found.sites[0].role == "hidden"
    _assert_parameters(found.sites[0].params, spelling.params, dtype)


@pytest.mark.parametrize("spelling", SPELLINGS[::3], ids=lambda s: s.name)
def test_spellings_in_bfloat16_are_recognised(spelling: Spelling, tmp_path: Path) -> None:
    # bfloat16 rounds constants to 8 bits: a family is its neighbour's within that rounding.
    found = located(_network(spelling, "bfloat16", "nodes"), tmp_path)
    assert len(found.sites) == 1
    neighbours = {"QuickGelu": {"Swish"}}.get(spelling.activation, set())
    assert found.sites[0].activation in {spelling.activation} | neighbours


def _assert_parameters(found: Any, wanted: Any, dtype: str) -> None:
    for name, value in wanted.items():
        if isinstance(value, float):
            assert found[name] == pytest.approx(value, rel=_PARAMETER_ROUNDING[dtype])
        else:
            assert found[name] == value
