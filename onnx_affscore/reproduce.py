"""A signature made again from its own record, and held against it: same bits, or a tolerance."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from onnx_affscore.comparison import Deviation, Reproduction
from onnx_affscore.errors import DataError, ModelError
from onnx_affscore.graph.model import load
from onnx_affscore.measure import Progress, measure
from onnx_affscore.provenance import options_of
from onnx_affscore.records import METHOD_VERSION, ScoredSite, Signature

__all__ = ["TOLERANCE", "reproduce"]

TOLERANCE: Final = 1e-4
"""By how much scores may differ where versions, machine or device do. Sums in another order, layer
upon layer, move float32 features by up to some hundreds of roundings (6e-8 each) of their size,
and a score moves by about as much as its features do beside their spread. Other batch sizes were
seen to move scores by 2.7e-8, and ONNX Runtime 1.22 in place of 1.31, NumPy and SciPy as old, by
1.5e-7 (seven networks of the zoo)."""

_CONTINUOUS: Final = ("affinity", "affinity_empirical", "affinity_ledoit_wolf")
"""What is held against the tolerance. Ranks, counts and entropies move in steps."""


def reproduce(
    record: Signature,
    *,
    model: str | None = None,
    data: Sequence[str] = (),
    device: str | None = None,
    progress: Progress | None = None,
) -> Reproduction:
    """Score the model of a signature again, on its data with its options, and compare.

    ``model`` and ``data`` say where the files are now, where that is not where they were;
    ``device`` overrules the recorded one. With machine, versions, threads and batches as recorded
    every figure must have the same bits, else affinities must be within :data:`TOLERANCE`.

    Raises
    ------
    ModelError
        The model or its encoder is not the one of the record, by its SHA-256.
    DataError
        The data are not those of the record, by their SHA-256; they were no files, so that it
        cannot say where they are; or the record is of another version of the method.
    """
    if record.method_version != METHOD_VERSION:
        raise DataError(
            f"the record is of version {record.method_version} of the method, this release has"
            f" {METHOD_VERSION}: their numbers are not to be compared; install the release of the"
            f" record ({record.run['versions'].get('onnx-affscore', 'not named in it')})"
        )
    path = model or record.model.path
    _same(load(path).info.sha256, record.model.sha256, what=f"the model {path}", error=ModelError)
    options = options_of(record.run, device=device)
    encoder = options.feeding.encoder
    if encoder is not None and "encoder_sha256" in record.run:  # an older record does not tell
        _same(
            load(encoder).info.sha256,
            record.run["encoder_sha256"],
            what=f"the encoder {encoder}",
            error=ModelError,
            cure="put the right file there",
        )
    found = measure(path, list(data) or _specs(record), options=options, progress=progress)
    what = f"the data {found.data['source']}"
    _same(found.data["sha256"], record.data["sha256"], what=what, error=DataError)
    changed = tuple(_changed(record, found))
    deviations = (
        *_listing(record, found),
        *_figures(record, found, exact=not changed),
        *_classes(record, found, exact=not changed),
    )
    return Reproduction(found, changed, deviations, tolerance=TOLERANCE if changed else 0.0)


def _same(
    found: str | None,
    wanted: str | None,
    *,
    what: str,
    error: type[ModelError | DataError],
    cure: str = "give the right file with --model or --data",
) -> None:
    if found != wanted:
        raise error(
            f"{what} is not what was scored: found SHA-256 {found}, the record has {wanted}; {cure}"
        )


def _specs(record: Signature) -> list[str] | None:
    """What ``--data`` was; of a record that does not keep it, the name of the source."""
    source = str(record.data["source"])
    known = record.data.get("specs", [] if source == "synthetic" else [source])
    if known is None:
        raise DataError(
            f"the data of the record were {source} in memory, and no file; give a file that holds"
            " them with --data"
        )
    return list(known) or None


def _changed(record: Signature, found: Signature) -> Iterator[str]:
    """What may move results by rounding, and is not as recorded or not on record."""
    for group in ("versions", "machine"):
        old, new = record.run.get(group) or {}, found.run[group]
        for name in new:
            if old.get(name) != new[name]:
                yield f"{name} {new[name]}, recorded {old.get(name, 'nothing')}"
    libraries = found.run["custom_operators_sha256"]
    if libraries != record.run.get("custom_operators_sha256", []):
        yield "the libraries of --custom-op-library are not the recorded ones, or not on record"
    for name in ("device", "providers", "batch_size", "threads", "blas_threads", "site_groups"):
        if record.run.get(name) != found.run[name]:
            yield f"{name} {found.run[name]}, recorded {record.run.get(name, 'nothing')}"


def _listing(record: Signature, found: Signature) -> Iterator[Deviation]:
    old, new = ([site.name for site in s.sites] for s in (record, found))
    if old != new:
        lost, more = ([n for n in a if n not in b] for a, b in ((old, new), (new, old)))
        if lost or more:
            yield Deviation(None, "sites", ", ".join(lost) or None, ", ".join(more) or None)
        else:
            yield Deviation(None, "order of sites", ", ".join(old), ", ".join(new))


def _figures(record: Signature, found: Signature, *, exact: bool) -> Iterator[Deviation]:
    again = {site.name: site for site in found.sites}
    for site in record.sites:
        if site.name in again:
            yield from _deviations(site, again[site.name], exact=exact)


def _classes(record: Signature, found: Signature, *, exact: bool) -> Iterator[Deviation]:
    """What the classes of the data score otherwise; an older record has none."""
    old, new = (() if s.groups is None else s.groups.names for s in (record, found))
    if old != new:
        yield Deviation(None, "classes", ", ".join(old) or None, ", ".join(new) or None)
        return
    for name in old:
        for deviation in _figures(record.of_class(name), found.of_class(name), exact=exact):
            yield replace(deviation, site=f"{deviation.site}, class {name}")


def _deviations(old: ScoredSite, new: ScoredSite, *, exact: bool) -> Iterator[Deviation]:
    fields = ("activation", "role", "status", "features", "samples")
    for name in fields:
        if getattr(old, name) != getattr(new, name):
            yield Deviation(old.name, name, getattr(old, name), getattr(new, name))
    for group in (old.scores, old.rank):
        known = new.scores if group is old.scores else new.rank
        for name, value in group.items():
            if not _close(value, known.get(name), name, exact=exact):
                yield Deviation(old.name, name, value, known.get(name))


def _close(old: Any, new: Any, name: str, *, exact: bool) -> bool:
    if exact:
        return bool(old == new)
    if name not in _CONTINUOUS:
        return True
    if not (isinstance(old, float) and isinstance(new, float)):
        return bool(old == new)
    return abs(new - old) <= TOLERANCE
