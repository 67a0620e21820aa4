"""The checkpoints of one training, in order, as curves over its steps."""

import re
from collections.abc import Sequence

from onnx_affscore.comparison import Member, Training
from onnx_affscore.statistics.summaries import STATISTICS

__all__ = ["in_order", "step_numbers", "training"]

_NAMED = re.compile(r"(?:step|epoch|iteration|iter|checkpoint|ckpt)[-_=. ]*([0-9]+)", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+")


def step_numbers(labels: Sequence[str]) -> tuple[int, ...] | None:
    """Return the step in each label, None where they do not all have one of their own.

    The number behind ``step``, ``epoch``, ``iter``, ``checkpoint`` or ``ckpt``, else the last
    number.

    >>> step_numbers(["net_epoch2_seed1", "net_epoch10_seed1"])
    (2, 10)
    """
    steps = []
    for label in labels:
        found = _NAMED.findall(label) or _NUMBER.findall(label)
        if not found:
            return None
        steps.append(int(found[-1]))
    return tuple(steps) if len(set(steps)) == len(steps) else None


def in_order(members: Sequence[Member]) -> list[int]:
    """Return the positions of the members by their step, as given where names tell none."""
    steps = step_numbers([member.label for member in members])
    places = range(len(members))
    return list(places) if steps is None else sorted(places, key=lambda i: steps[i])


def training(members: Sequence[Member]) -> Training:
    """Return every statistic, and every site by name, over the checkpoints as they are ordered.

    A value that a checkpoint has not is None.
    """
    labels = tuple(member.label for member in members)
    steps = step_numbers(labels)
    scores = [{s.name: s.affinity for s in member.signature.sites} for member in members]
    names = dict.fromkeys(name for sites in scores for name in sites)
    return Training(
        labels=labels,
        steps=tuple(range(len(labels))) if steps is None else steps,
        source="the order given" if steps is None else "the numbers in the names",
        statistics={name: tuple(m.summary[name] for m in members) for name in STATISTICS},
        sites={name: tuple(sites.get(name) for sites in scores) for name in names},
    )
