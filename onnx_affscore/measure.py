"""The story in one page: locate, instrument, run, collect, score, and out comes a Signature."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

from onnx_affscore.collect import FeatureStore
from onnx_affscore.data.fingerprint import Fingerprint
from onnx_affscore.data.source import Data
from onnx_affscore.errors import DataError, NothingToScoreError, RunError
from onnx_affscore.graph.instrument import Instrumented
from onnx_affscore.measurement import Measurement
from onnx_affscore.options import Options
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import (
    METHOD_VERSION,
    SCHEMA_VERSION,
    ActivationSite,
    Batch,
    ScoredSite,
    Signature,
    SiteScore,
)
from onnx_affscore.run.batching import padded
from onnx_affscore.run.session import Session, runtime_versions
from onnx_affscore.run.verify import Verdict, verify
from onnx_affscore.score import score_sample

__all__ = ["Progress", "measure"]

# Called with the samples done and the total, None where it is not known.
Progress = Callable[[int, int | None], None]


def measure(
    model_path: str | Path,
    data: Data = None,
    *,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Signature:
    """Score every activation of a model on data and return its signature.

    Raises :class:`NothingToScoreError` where no site is found or selected, and the other errors
    of :mod:`onnx_affscore.errors` where the model, the data or the runtime fail.
    """
    start = time.perf_counter()
    m = Measurement(model_path, options or Options())
    located = m.located()
    _check_selected(located.sites)
    source, probed = m.probe(m.source(data), located)
    resolved = m.resolved(located, source, probed)
    tapped = m.instrumented(located, resolved)
    run = _Pass(
        source=source,
        session=m.session(tapped.proto),
        tapped=tapped,
        store=FeatureStore(tapped.taps, resolved.layouts),
        fingerprint=Fingerprint(m.hints),
        size=m.batch_size(probed),
    )
    ready = time.perf_counter()
    verdict = _run(m, run, progress)
    ran = time.perf_counter()
    sites = _scored(resolved.sites, run.store, m.options)
    done = time.perf_counter()
    return Signature(
        schema_version=SCHEMA_VERSION,
        method_version=METHOD_VERSION,
        model=m.model.info,
        data={
            "source": source.name,
            "synthetic": source.synthetic,
            "samples": run.fingerprint.samples,
            "sha256": run.fingerprint.hexdigest(),
            "notes": list(source.notes),
        },
        run={
            "device": run.session.device,
            "providers": list(run.session.providers),
            "batch_size": run.size,
            "versions": runtime_versions(),
            "seconds": {"inference": ran - ready, "scoring": done - ran, "total": done - start},
            "outputs_verified": verdict is not None and verdict.unchanged,
            **_recorded(m.options),
        },
        sites=sites,
        skipped=located.skipped,
        warnings=tuple(_warnings(m, run, verdict)),
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Pass:
    """What one pass over the data needs."""

    source: DataSource
    session: Session
    tapped: Instrumented
    store: FeatureStore
    fingerprint: Fingerprint
    size: int


def _run(m: Measurement, run: _Pass, progress: Progress | None) -> Verdict | None:
    """Feed all the data; the first batch also proves the original outputs unchanged."""
    verdict: Verdict | None = None
    own = tuple(o.name for o in m.model.proto.graph.output)
    for batch in run.source.batches(run.size):
        feed = batch if m.fixed_batch is None else padded(batch, run.size, m.hints)
        checks = m.options.verify and verdict is None
        fetched = run.session.run((*run.tapped.fetches, *(own if checks else ())), feed.feeds)
        if checks:
            verdict = _verified(m, fetched, own, feed)
        run.store.add(fetched, samples=feed.size, kept=batch.size)
        run.fingerprint.update(batch)
        if progress is not None:
            progress(run.fingerprint.samples, run.source.count)
    if not run.fingerprint.samples:
        raise DataError(f"{run.source.name} holds no sample; give at least one")
    return verdict


def _verified(
    m: Measurement, fetched: Mapping[str, Any], own: Sequence[str], feed: Batch
) -> Verdict:
    try:
        plain = m.session(m.model.proto)
    except RunError as exc:  # an operator without a kernel here, opened up for the tapped run
        return Verdict(False, f"outputs not compared: the model as it is does not run ({exc})")
    return verify(
        fetched,
        original=lambda: plain.run(own, feed.feeds),
        unoptimised=lambda: m.session(m.model.proto, optimisation="disabled").run(own, feed.feeds),
        names=own,
    )


def _scored(
    sites: Sequence[ActivationSite], store: FeatureStore, options: Options
) -> tuple[ScoredSite, ...]:
    """Score every selected site, ``jobs`` at a time."""

    def score(site: ActivationSite) -> ScoredSite:
        reason = site.unscored
        if reason is None and not store.reached(site):
            reason = "no batch of the data reached it"
        if reason is not None:
            return ScoredSite.of(site, SiteScore.none(reason))
        return ScoredSite.of(
            site,
            score_sample(
                store.paired(site), covariance=options.covariance, metrics=options.metrics
            ),
        )

    with ThreadPoolExecutor(options.jobs) as pool:
        return tuple(pool.map(score, sites))


def _warnings(m: Measurement, run: _Pass, verdict: Verdict | None) -> list[str]:
    synthetic = "the data were made up: scores on them say little about the model in use"
    return [
        *m.warnings,
        *run.session.notices,
        *([synthetic] if run.source.synthetic else []),
        *([verdict.note] if verdict is not None and verdict.note else []),
    ]


def _check_selected(sites: Sequence[ActivationSite]) -> None:
    if not sites:
        raise NothingToScoreError(
            "found no activation in the model; wanted at least one:"
            " 'onnx-affscore sites MODEL' lists what was looked at and why it was skipped"
        )
    if all(s.unscored is not None for s in sites):
        reasons = sorted({str(s.unscored) for s in sites})
        raise NothingToScoreError(
            f"none of the {len(sites)} activation(s) is selected ({'; '.join(reasons)});"
            " choose others with --roles, --include and --exclude ('sites MODEL' lists them)"
        )


def _recorded(options: Options) -> dict[str, Any]:
    selection = asdict(options.selection)
    return {
        "seed": options.seed,
        "pool": options.pool,
        "covariance": options.covariance,
        "metrics": None if options.metrics is None else list(options.metrics),
        "sparsity": options.sparsity,
        "feature_axis": options.feature_axis,
        **{k: list(v) if isinstance(v, tuple) else v for k, v in selection.items()},
    }
