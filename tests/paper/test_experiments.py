"""Each experiment on its fast settings: it passes, and a wrong published value makes it fail."""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from onnx_affscore.errors import OptionError
from onnx_affscore.paper import (
    EXPERIMENTS,
    Outcome,
    Verdict,
    chosen,
    run,
)
from onnx_affscore.paper.drawing import svg
from onnx_affscore.report.figures import FIGURES

TABLES = {"polynomials": "POLYNOMIALS", "activations": "POPULATION", "ranges": "POPULATION"}
SYNTHETIC = (*TABLES, "dimensions", "redshift")
WRONG = 4e-3  # above the tolerance of each of the tables


@pytest.fixture(scope="module")
def outcomes() -> Mapping[str, Outcome]:
    """Every experiment once; the layers of one case stand for all of the redshift."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("onnx_affscore.paper.redshift.NAMES", ("relu",))
        patch.setattr("onnx_affscore.paper.redshift.SCALES", (6.0,))
        return {name: run(name, quick=True) for name in (*SYNTHETIC, "signatures")}


@pytest.mark.parametrize("name", [*SYNTHETIC, "signatures"])
def test_an_experiment_passes(name: str, outcomes: Mapping[str, Outcome]) -> None:
    outcome = outcomes[name]
    assert [found for found in outcome.checks if not found.passed] == []
    assert outcome.verdict is Verdict.PASS
    assert outcome.experiment == name
    for figure in outcome.figures:
        assert figure.kind in FIGURES
        assert "<svg" in svg(figure)


@pytest.mark.parametrize("name", TABLES)
def test_a_wrong_published_value_fails(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = f"onnx_affscore.paper.{name}"
    table = TABLES[name]
    values = getattr(import_module(module), table)
    shifted = {key: value + WRONG for key, value in values.values.items()}
    monkeypatch.setattr(f"{module}.{table}", replace(values, values=MappingProxyType(shifted)))
    assert run(name, quick=True).verdict is Verdict.FAIL


def test_the_float32_artefact_is_named_and_seen(outcomes: Mapping[str, Outcome]) -> None:
    outcome = outcomes["redshift"]
    assert any("float32 artefact" in note for note in outcome.notes)
    assert "float32 artefact" in outcome.checks[0].note
    _, single = outcome.tables
    ours, stable, erratic = (
        [float(str(row[i]).partition(" ±")[0]) for row in single.rows] for i in (1, 2, 3)
    )
    assert np.allclose(ours, stable, atol=0.01)
    assert np.max(np.abs(np.subtract(ours, erratic))) > 0.1


def test_redshift_weights_are_shared_by_both_activations() -> None:
    from onnx_affscore.paper.redshift import hidden_layers

    relu, tanh = (next(hidden_layers(3, scale=6.0, name=n))[0] for n in ("relu", "tanh"))
    assert np.array_equal(relu, tanh)
    assert relu.shape == (1024, 40)


def test_signatures_say_what_they_need(outcomes: Mapping[str, Outcome]) -> None:
    outcome = outcomes["signatures"]
    (needed,) = outcome.missing
    assert "--model" in needed
    assert "--imagenet" in needed


def test_without_models_the_zoo_is_not_run(tmp_path: Path) -> None:
    outcome = run("zoo", models=tmp_path)
    assert outcome.verdict is Verdict.NOT_RUN
    assert "--models" in outcome.missing[0]


def test_names_are_chosen_once_in_the_order_of_the_table() -> None:
    assert chosen(("zoo", "polynomials", "zoo")) == ("polynomials", "zoo")
    assert chosen(("all",)) == tuple(EXPERIMENTS)
    with pytest.raises(OptionError, match=r"no experiment polinomials; wanted some of polynomials"):
        chosen(("polinomials",))


def test_batches_are_at_least_one() -> None:
    with pytest.raises(OptionError, match="batches is 0"):
        run("signatures", batches=0)
