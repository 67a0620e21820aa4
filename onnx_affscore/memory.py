"""What a memory limit allows: how many samples together, which sites in one pass.

The limit is for what a measurement itself holds of the data: half of it for the rows that are kept
(more go to a file, see :mod:`onnx_affscore.rows`), half for the outputs of the run under way and,
later, for the features of the sites that are being scored. Weights and intermediate tensors of the
runtime, and the working memory of the scorer, come on top.

What a sample takes is measured on the first one, with every tap of every site in place; samples of
another shape take something else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from onnx_affscore.byte_sizes import in_words
from onnx_affscore.errors import StorageError
from onnx_affscore.graph.instrument import Instrumented
from onnx_affscore.graph.resolve import Resolved
from onnx_affscore.graph.tapping import FEATURES
from onnx_affscore.measurement import Measurement
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import ActivationSite, Array, Batch

__all__ = ["Allotment", "Footprint", "allot", "footprints", "grouped"]

_DOUBLE = 8


@final
@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes of one sample of a tensor: ``fetched`` by output, ``scored`` in double precision."""

    fetched: Mapping[str, float] = field(default_factory=dict)
    scored: float = 0.0


@final
@dataclass(frozen=True, slots=True)
class Allotment:
    """``groups`` of sites, a pass each, ``size`` samples together, ``bound`` bytes of rows."""

    groups: tuple[Resolved, ...]
    size: int
    bound: int | None = None


def allot(
    m: Measurement, source: DataSource, resolved: Resolved, full: Instrumented, *, size: int
) -> Allotment:
    """Fit a measurement into its memory limit.

    First the batch gives way, where its ``size`` was chosen and not asked for; then the sites are
    split into groups, in execution order. ``full`` has the taps of all sites. Raises
    :class:`StorageError` where not even one site fits.
    """
    limit = m.options.memory_limit
    if limit is None:
        return Allotment((resolved,), size)
    half = limit // 2
    taken = footprints(m, source, full)
    if m.options.batch_size is None and m.fixed_batch is None:
        everything = _fetched(taken.values())
        size = max(1, min(size, int(half // max(everything, 1.0))))
    sites = [s for s in resolved.sites if s.unscored is None]
    _check_fits(sites, taken, m, source.count, size=size)
    groups = grouped(sites, taken, size=size, most=half)
    if len(groups) <= 1:
        return Allotment((resolved,), size, half)
    return Allotment(tuple(_only(resolved, group) for group in groups), size, half)


def footprints(m: Measurement, source: DataSource, tapped: Instrumented) -> dict[str, Footprint]:
    """Return what the first sample takes, by tensor; a tensor that it does not reach takes none."""
    session = m.tapped_session(tapped)

    def run(batch: Batch) -> dict[str, Array]:
        return session.run(tapped.fetches, batch.feeds)

    batch = m.first_batch(source, m.fixed_batch or m.least, run)
    if batch is None:  # fewer samples than the model takes: they fit if it does
        return {}
    fetched = run(batch)
    found: dict[str, Footprint] = {}
    for (name, quantity), tap in tapped.taps.items():
        before = found.get(name, Footprint())
        outputs = {output: fetched[output] for output in tap.fetches}
        elements = tap.read(outputs, batch.size).size if quantity == FEATURES else 0
        found[name] = Footprint(
            {**before.fetched, **{o: a.nbytes / batch.size for o, a in outputs.items()}},
            before.scored + elements * _DOUBLE / batch.size,
        )
    return found


def grouped(
    sites: Iterable[ActivationSite], taken: Mapping[str, Footprint], *, size: int, most: float
) -> list[list[ActivationSite]]:
    """Split sites into runs of neighbours whose outputs of ``size`` samples take ``most`` bytes.

    A tensor that several sites of a group share counts once. A site that takes more is alone.
    """
    groups: list[list[ActivationSite]] = []
    for site in sites:
        if groups and size * _of(taken, [*groups[-1], site]) <= most:
            groups[-1].append(site)
        else:
            groups.append([site])
    return groups


def _of(taken: Mapping[str, Footprint], sites: Sequence[ActivationSite]) -> float:
    names = {name for s in sites for name in (s.input, s.output)}
    return _fetched(taken[name] for name in names if name in taken)


def _fetched(footprints: Iterable[Footprint]) -> float:
    outputs: dict[str, float] = {}
    for footprint in footprints:
        outputs |= footprint.fetched
    return sum(outputs.values())


def _check_fits(
    sites: Sequence[ActivationSite],
    taken: Mapping[str, Footprint],
    m: Measurement,
    samples: int | None,
    *,
    size: int,
) -> None:
    """Raise where the widest site's batch, or its features ``jobs`` times, do not fit.

    Where the number of samples is not known, only the batch is looked at.
    """
    jobs, limit = m.options.jobs or 1, m.options.memory_limit or 0

    def scored(site: ActivationSite) -> float:
        sides = (taken[name].scored for name in (site.input, site.output) if name in taken)
        return (samples or 0) * jobs * sum(sides)

    def together(site: ActivationSite) -> float:
        return size * _of(taken, [site])

    widest = max(sites, key=lambda site: max(scored(site), together(site)), default=None)
    if widest is None or 2 * max(scored(widest), together(widest)) <= limit:
        return
    if scored(widest) >= together(widest):
        what = f"its features, {samples} samples in double precision"
        what += f", for each of --jobs {jobs}" if jobs > 1 else ""
        cure = "take fewer --samples" + (" or --jobs" if jobs > 1 else "")
    else:
        what, cure = f"a batch of {size} samples there", "choose a smaller --batch-size"
    needed = max(scored(widest), together(widest))
    raise StorageError(
        f"--memory-limit {in_words(limit)} is too low for the activation {widest.name!r}: {what},"
        f" may take half of it and need {in_words(needed)}; wanted a limit of at least"
        f" {in_words(2 * needed)}, or {cure}"
    )


def _only(resolved: Resolved, sites: Sequence[ActivationSite]) -> Resolved:
    names = dict.fromkeys(name for s in sites for name in (s.input, s.output))
    return Resolved(tuple(sites), {name: resolved.layouts[name] for name in names})
