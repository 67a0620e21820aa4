"""The paper's experiments: one table, each a function of settings that returns an outcome."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, final

from onnx_affscore.errors import OptionError
from onnx_affscore.paper import (
    activations,
    dimensions,
    polynomials,
    ranges,
    redshift,
    signatures,
    zoo,
)
from onnx_affscore.paper.outcome import Check, Claim, Figure, Outcome, Table, Verdict
from onnx_affscore.paper.settings import Settings

__all__ = [
    "ALL",
    "EXPERIMENTS",
    "Check",
    "Claim",
    "Experiment",
    "Figure",
    "Outcome",
    "Settings",
    "Table",
    "Verdict",
    "chosen",
    "run",
]

ALL: Final = "all"


@final
@dataclass(frozen=True, slots=True)
class Experiment:
    """A row: the function, what it shows, and where that is in the paper."""

    perform: Callable[[Settings], Outcome]
    shows: str
    where: str


EXPERIMENTS: Final[Mapping[str, Experiment]] = {
    "polynomials": Experiment(
        polynomials.perform,
        "the score of x^k falls with k",
        "the example of polynomial functions; the notebook on polynomials",
    ),
    "activations": Experiment(
        activations.perform,
        "the scores of popular activations on normal inputs",
        "the figure of activation functions; the notebook on activations",
    ),
    "ranges": Experiment(
        ranges.perform,
        "the score over the mean and the spread of the inputs",
        "the figure of activation functions over the range of their inputs",
    ),
    "dimensions": Experiment(
        dimensions.perform,
        "samples against features; pooling and shrinkage",
        "the appendix on high dimension and shrinkage",
    ),
    "redshift": Experiment(
        redshift.perform,
        "random networks by the size of their weights, and what float32 makes of them",
        "the comparison with the neural redshift; its notebook",
    ),
    "signatures": Experiment(
        signatures.perform,
        "published signatures, their statistics and distances; yours where you have the networks",
        "the signatures of networks for ImageNet, their statistics and clustering",
    ),
    "zoo": Experiment(
        zoo.perform,
        "eras, skips, random weights, seeds and data shift on the shipped networks",
        "the same findings on ImageNet, in kind",
    ),
}


def chosen(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the experiments named, each once, in the order of the table; ``all`` is every one."""
    if unknown := [name for name in names if name not in (*EXPERIMENTS, ALL)]:
        raise OptionError(
            f"no experiment {', '.join(unknown)}; wanted some of {', '.join(EXPERIMENTS)}, or {ALL}"
        )
    return tuple(name for name in EXPERIMENTS if name in names or ALL in names)


def run(name: str, **options: Any) -> Outcome:
    """Perform one experiment; ``options`` are the fields of :class:`Settings`.

    >>> run("polynomials").verdict
    <Verdict.PASS: 'pass'>
    """
    (known,) = chosen((name,))
    start = time.perf_counter()
    outcome = EXPERIMENTS[known].perform(Settings(**options))
    return replace(outcome, seconds=time.perf_counter() - start)
