"""A model that draws random numbers: what that means for its scores, in a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from onnx_affscore.errors import RunError
from onnx_affscore.graph.locate import Located
from onnx_affscore.graph.randomness import Draw, behind_draws
from onnx_affscore.measurement import Measurement
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import Batch
from onnx_affscore.run.verify import alike

__all__ = ["chance", "seen"]

_SAMPLES: Final = 8  # so that one draw by chance equal to another does not hide the others
_SHOWN: Final = 3


def seen(m: Measurement, source: DataSource, located: Located) -> str | None:
    """Return the warning that a model calls for, None where it has no random operator.

    Such a model is run twice on a few samples, in one session, unless no site that is scored lies
    behind its draws.
    """
    if not m.draws:
        return None
    drawn = behind_draws(m.prepared.proto)
    scored = [s for s in located.sites if s.unscored is None]
    inner = any(name in located.places for s in scored for name in (s.input, s.output))
    if not inner and not any(s.output in drawn for s in scored):
        return (
            f"{_found(m.draws)}, and no activation that is scored lies behind them: the scores do"
            " not depend on them"
        )
    names = tuple(o.name for o in m.model.proto.graph.output)
    session = m.session(m.model.proto)

    def run(batch: Batch) -> Mapping[str, Any]:
        return session.run(names, batch.feeds)

    try:
        sizes = (_SAMPLES, 1) if m.fixed_batch is None else (m.fixed_batch,)
        batches = (m.first_batch(source, size, run) for size in sizes)
        batch = next((b for b in batches if b is not None), None)
        same = None if batch is None else alike(run(batch), run(batch))
    except RunError:  # a batch that the model does not take, or an operator without a kernel
        same = None
    return chance(m.draws, same)


def chance(draws: Sequence[Draw], same: bool | None) -> str:
    """Say which nodes draw, whether two runs were the same (None: not tried), and what to do."""
    found = _found(draws)
    if same:
        return (
            f"{found}, but two runs on the same data were the same: ONNX Runtime left them out, or"
            " the outputs do not depend on them"
        )
    tried = "" if same is None else ", and two runs on the same data differ"
    seeded = all(draw.seed is not None for draw in draws)
    means = (
        "their seeds repeat the scores only with the same rows, batch size and runtime"
        if seeded
        else "scores behind them differ from run to run, and part of their non-linearity is noise"
    )
    return f"{found}{tried}: {means}; export the model in evaluation mode to be rid of them"


def _found(draws: Sequence[Draw]) -> str:
    named = ", ".join(map(str, draws[:_SHOWN]))
    more = f" and {len(draws) - _SHOWN} more" if len(draws) > _SHOWN else ""
    return f"{len(draws)} node(s) may draw random numbers ({named}{more})"
