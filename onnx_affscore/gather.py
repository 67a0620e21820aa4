"""The features of every site: everything is measured on the first samples, the features on all.

Mean squares (for the noise floor) and sparsity need every element of a tensor, which a fast run
never writes down. They are measured on the first samples, the census, by pooling each tensor where
it stands; so are the features, as a check of the lean run that gives those of all the data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
import numpy.typing as npt

from onnx_affscore.collect import PRECISION, FeatureStore
from onnx_affscore.errors import DataError, InternalError
from onnx_affscore.graph.instrument import Instrumented
from onnx_affscore.graph.lean import plan_lean
from onnx_affscore.graph.locate import Located
from onnx_affscore.graph.resolve import Resolved
from onnx_affscore.graph.saturation import flat_ends
from onnx_affscore.graph.tapping import FEATURES, SATURATED, SPARSITY, SQUARE
from onnx_affscore.measurement import Measurement
from onnx_affscore.memory import allot
from onnx_affscore.passes import Passes
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import ActivationSite, FeatureSample, PairedSample, TensorLayout
from onnx_affscore.resume.pass_log import Ran
from onnx_affscore.rows import Keeper
from onnx_affscore.witness import Witness

__all__ = ["CENSUS", "Gathered", "gather", "paired"]

CENSUS: Final = 64
"""Samples of the census. The noise floor needs their root mean square to a few per cent only."""

CENSUS_BATCH: Final = 8
"""Samples that the census runs together; a divisor, so that batch sizes do not change its data."""

ALLOWED_ROUNDINGS: Final = 4096
"""Sums in another order, layer upon layer, move features by some tens of roundings of the tensor's
size; a mean that does not commute is off by a share of it."""

_IN_GROUPS: Final = (
    "the memory limit does not hold a batch of all sites: they were measured in {} groups, with a"
    " pass over the data for each; a smaller --batch-size saves passes"
)


@final
@dataclass(frozen=True, slots=True)
class Gathered:
    """The rows of all sites, of which the ``stores`` hold what they can, the first ones first.

    The sites were measured in so many ``groups``; ``written`` bytes of their rows are in a file.
    """

    layouts: Mapping[str, TensorLayout]
    stores: tuple[FeatureStore, ...]
    ran: Ran
    counted: int
    warnings: tuple[str, ...] = ()
    groups: int = 1
    written: int = 0

    def reached(self, site: ActivationSite) -> bool:
        """Whether any batch came through an activation (it may lie in a branch)."""
        return all(_holding(self.stores, n, FEATURES) for n in (site.input, site.output))

    def refusal(self, site: ActivationSite) -> str | None:
        """Return why there is no table of an activation's rows, None where there is one."""
        ends = (n for n in (site.input, site.output) if _holding(self.stores, n, FEATURES) is None)
        said = (store.refused[n] for n in ends for store in self.stores if n in store.refused)
        return next(said, None)

    def paired(self, site: ActivationSite) -> PairedSample:
        """Return the rows before and after one activation."""
        return paired(site, self.stores, self.layouts)

    def samples_of(self, site: ActivationSite) -> npt.NDArray[np.intp] | None:
        """Return the sample that each row of a site is of, None where nobody knows."""
        store = _holding(self.stores, site.output, FEATURES)
        return None if store is None else store.samples_of((site.output, FEATURES))

    def shape(self, site: ActivationSite) -> tuple[int, ...]:
        """Return the rows and columns behind an activation, without reading them."""
        store = _holding(self.stores, site.output, FEATURES)
        return (0, 0) if store is None else store.shape((site.output, FEATURES))


def paired(
    site: ActivationSite, stores: Sequence[FeatureStore], layouts: Mapping[str, TensorLayout]
) -> PairedSample:
    """Return the rows before and after one activation; each quantity from the first that has it."""
    x, y = (_side(name, stores, layouts[name]) for name in (site.input, site.output))
    if flat_ends(site.activation, site.params) is None:  # the output of another activation too
        y = replace(y, saturated=None)
    return PairedSample(x, y)


def _side(name: str, stores: Sequence[FeatureStore], layout: TensorLayout) -> FeatureSample:
    store = _holding(stores, name, FEATURES)
    if store is None:
        raise InternalError(f"no features of {name!r} were gathered")
    quantities = (SQUARE, SPARSITY, SATURATED)
    squares, small, flat = (_mean(name, quantity, stores) for quantity in quantities)
    with np.errstate(invalid="ignore"):
        rms = 0.0 if squares is None else float(np.sqrt(squares))
    key = (name, FEATURES)
    return FeatureSample(
        store.rows(key), PRECISION[layout.dtype], rms, small, flat, owners=store.owners(key)
    )


def _mean(name: str, quantity: str, stores: Sequence[FeatureStore]) -> float | None:
    """A mean of means over samples of equally many elements is the mean over all elements."""
    store = _holding(stores, name, quantity)
    if store is None:
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        return float(store.rows((name, quantity)).mean())


def _holding(stores: Sequence[FeatureStore], name: str, quantity: str) -> FeatureStore | None:
    return next((store for store in stores if (name, quantity) in store), None)


def gather(
    m: Measurement,
    source: DataSource,
    located: Located,
    resolved: Resolved,
    *,
    size: int,
    witness: Witness,
) -> Gathered:
    """Run the data and return the features of every site, with what belongs to them.

    ``size`` samples run together, fewer where memory does not bear them. All sites share one pass
    over the data unless the memory limit splits them into groups.
    """
    full = m.instrumented(located, resolved)
    allotted = allot(m, source, resolved, full, size=size)
    keeper, groups = Keeper(allotted.bound), allotted.groups
    found: list[Gathered] = []
    for number, group in enumerate(groups, 1):
        taps = full if len(groups) == 1 else m.instrumented(located, group)
        size = found[-1].ran.size if found else allotted.size
        own = None if found else witness
        prefix, of = (
            (f"group-{number}-", f", group {number} of {len(groups)}")
            if len(groups) > 1
            else ("", "")
        )
        passes = Passes(m, source, keeper, prefix, witness.tell_of, of)
        found.append(_measured(passes, located, group, taps, size=size, witness=own))
        _check_unchanged(witness.fingerprint.samples, found[-1].stores[0].samples)
    ran = found[0].ran
    said = [note for g in found for note in (*g.ran.notices, *g.warnings)]
    return Gathered(
        resolved.layouts,
        tuple(store for g in found for store in g.stores),
        ran,
        counted=found[0].counted,
        warnings=(
            *(note for note in dict.fromkeys(said) if note not in ran.notices),
            *([_IN_GROUPS.format(len(groups))] if len(groups) > 1 else []),
        ),
        groups=len(groups),
        written=keeper.written,
    )


def _measured(
    passes: Passes,
    located: Located,
    group: Resolved,
    full: Instrumented,
    *,
    size: int,
    witness: Witness | None,
) -> Gathered:
    """Return the rows of one group of sites, ``full`` being the model with all their taps.

    Data no larger than the census, or sparsity that is to be counted on all of them, are run in
    one pass that measures everything.
    """
    m, layouts, count = passes.m, group.layouts, passes.source.count
    if (count is not None and count <= CENSUS) or m.options.sparsity == "all":
        every = passes.run("all", full, layouts, size=size, witness=witness)
        return Gathered(layouts, (every.store,), every.ran, counted=every.store.samples)
    step = size if m.fixed_batch is not None else min(CENSUS_BATCH, size)
    first = passes.run("census", full, layouts, size=step, most=CENSUS)
    census, notices = first.store, first.ran.notices
    lean = plan_lean(m.prepared, group.sites, layouts, pool=m.options.pool)
    tapped = m.instrumented(located, group, lean)
    size = size if first.ran.size == step else min(size, first.ran.size)
    fast = passes.run("lean", tapped, layouts, size=size, witness=witness)
    _check_unchanged(census.samples, min(census.samples, fast.store.samples))
    stores = (fast.store, census)
    off = [name for name in lean.ways if _differ(name, fast.store, census, layouts[name])]
    if not off:
        return Gathered(layouts, stores, fast.ran, census.samples, notices)
    there = {name: layouts[name] for name in off}
    tapped = m.instrumented(located, replace(group, layouts=there), lean.without(off))
    again = passes.run("second", tapped, there, size=fast.ran.size)
    _check_unchanged(fast.store.samples, again.store.samples)
    warning = f"{len(off)} tensor(s) pooled in a second pass, as a first check of the means failed"
    notices = (*notices, *again.ran.notices, warning)
    return Gathered(layouts, (again.store, *stores), fast.ran, census.samples, notices)


def _check_unchanged(before: int, now: int) -> None:
    """Raise where a later pass did not find the samples of an earlier one: rows would not pair."""
    if now != before:
        raise DataError(
            f"the data changed while they were read: found {before} samples in one pass over them"
            f" and {now} in a later one; leave the files alone until the run has ended, and run it"
            " again"
        )


def _differ(name: str, lean: FeatureStore, census: FeatureStore, layout: TensorLayout) -> bool:
    """Whether the features of the lean run are not those of the census, rounding apart."""
    key = (name, FEATURES)
    if key not in census or key not in lean:
        return (key in census) != (key in lean)
    straight = census.rows(key)
    features = lean.rows(key, first=len(straight))
    with np.errstate(invalid="ignore", over="ignore"):
        size = float(np.sqrt(census.rows((name, SQUARE)).mean()))
        gap = float(np.abs(features - straight).max(initial=0.0))
    return not gap <= ALLOWED_ROUNDINGS * PRECISION[layout.dtype] * size
