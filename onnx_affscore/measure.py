"""The story in one page: locate, instrument, run, collect, score, and out comes a Signature."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, final

import onnx

from onnx_affscore.collect import FeatureStore
from onnx_affscore.data import open_source
from onnx_affscore.data.columns import fixed_batch
from onnx_affscore.data.fingerprint import Fingerprint
from onnx_affscore.data.source import Data
from onnx_affscore.data.synthetic import first_that_runs
from onnx_affscore.errors import DataError, NothingToScoreError
from onnx_affscore.graph.hints import input_hints
from onnx_affscore.graph.instrument import Instrumented, expose, instrument
from onnx_affscore.graph.locate import Located, locate
from onnx_affscore.graph.model import load
from onnx_affscore.graph.resolve import Resolved, resolve
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
    Status,
)
from onnx_affscore.run.batching import automatic_size, first, padded
from onnx_affscore.run.probe import Exposures, Probe, probe
from onnx_affscore.run.session import Session, runtime_versions
from onnx_affscore.run.starting import start_device
from onnx_affscore.run.verify import Verdict, verify
from onnx_affscore.score import score_sample

__all__ = ["Measurement", "Progress", "measure"]

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
    return Measurement(model_path, options or Options()).signature(data, progress)


@final
class Measurement:
    """One model on its way to a signature; the steps are also what other commands need."""

    def __init__(self, model_path: str | Path, options: Options) -> None:
        self.options = options
        self.device, notices = start_device(options.device)
        self.model = load(model_path)
        self.hints = input_hints(self.model.proto)
        self.warnings = list(notices)

    def located(self) -> Located:
        """Find the sites, those not selected marked with the reason."""
        found = locate(self.model, self.hints)
        return replace(found, sites=self.options.selection.apply(found.sites))

    def source(self, data: Data) -> DataSource:
        """Open the data; made-up values get their shapes from the first probe that runs."""
        return open_source(data, self.hints, samples=self.options.samples, seed=self.options.seed)

    def session(self, proto: onnx.ModelProto, *, optimisation: str = "all") -> Session:
        """Open a session on this measurement's device."""
        return Session(
            proto,
            self.device,
            folder=self.model.folder,
            threads=self.options.threads,
            optimisation=optimisation,
            custom_operators=self.options.custom_operators,
        )

    def probe(self, source: DataSource, located: Located) -> tuple[DataSource, Probe]:
        """Run the model on a sample or two to learn shapes, types and what the batch does."""
        exposed = expose(self.model.proto, _tensors(located.sites), located.places)
        session = self.session(exposed.proto)
        outputs = tuple(exposed.shapes.values())
        source = first_that_runs(source, lambda batch: session.run(outputs, batch.feeds))
        return source, probe(
            session,
            Exposures(exposed.shapes, exposed.dtypes, exposed.stacked),
            lambda n: first(source.batches(n), n),
            fixed=fixed_batch(self.hints),
        )

    def resolved(self, located: Located, probed: Probe) -> Resolved:
        """Settle the axes of every tensor to be tapped."""
        return resolve(
            located,
            probed.tensors,
            batched=probed.batch_size is None,
            forced_feature_axis=self.options.feature_axis,
        )

    def instrumented(self, located: Located, resolved: Resolved) -> Instrumented:
        """Return the model with its taps."""
        return instrument(
            self.model.proto,
            resolved.layouts,
            places=located.places,
            pool=self.options.pool,
            sparsity=self.options.sparsity,
            seed=self.options.seed,
        )

    def signature(self, data: Data, progress: Progress | None) -> Signature:
        """Do all the steps and put the record together."""
        start = time.perf_counter()
        located = self.located()
        _check_selected(located.sites)
        source, probed = self.probe(self.source(data), located)
        resolved = self.resolved(located, probed)
        tapped = self.instrumented(located, resolved)
        session, size = self.session(tapped.proto), self._batch_size(probed)
        store, fingerprint = FeatureStore(tapped.taps, resolved.layouts), Fingerprint(self.hints)
        ready = time.perf_counter()
        verdict = self._run(_Pass(source, session, tapped, store, fingerprint, size), progress)
        ran = time.perf_counter()
        sites = self._scored(resolved.sites, store)
        done = time.perf_counter()
        self._warn(source, verdict, session)
        return Signature(
            schema_version=SCHEMA_VERSION,
            method_version=METHOD_VERSION,
            model=self.model.info,
            data={
                "source": source.name,
                "synthetic": source.synthetic,
                "samples": fingerprint.samples,
                "sha256": fingerprint.hexdigest(),
                "notes": list(source.notes),
            },
            run={
                "device": session.device,
                "providers": list(session.providers),
                "batch_size": size,
                "versions": runtime_versions(),
                "seconds": {
                    "inference": ran - ready,
                    "scoring": done - ran,
                    "total": done - start,
                },
                "outputs_verified": verdict is not None and verdict.unchanged,
                **_recorded(self.options),
            },
            sites=sites,
            skipped=located.skipped,
            warnings=tuple(self.warnings),
        )

    def _batch_size(self, probed: Probe) -> int:
        wanted = self.options.batch_size
        if probed.batch_size is None:
            return wanted or automatic_size(probed.tensors.values())
        if wanted not in (None, probed.batch_size):
            self.warnings.append(
                f"the model takes batches of {probed.batch_size}: --batch-size {wanted} ignored"
            )
        return probed.batch_size

    def _run(self, run: "_Pass", progress: Progress | None) -> Verdict | None:
        """Feed all the data; the first batch also proves the original outputs unchanged."""
        verdict: Verdict | None = None
        fixed = fixed_batch(self.hints) is not None
        own = tuple(o.name for o in self.model.proto.graph.output)
        for batch in run.source.batches(run.size):
            feed = padded(batch, run.size, self.hints) if fixed else batch
            checks = self.options.verify and verdict is None
            fetched = run.session.run((*run.tapped.fetches, *(own if checks else ())), feed.feeds)
            if checks:
                verdict = self._verify(fetched, own, feed)
            run.store.add(fetched, samples=feed.size, kept=batch.size)
            run.fingerprint.update(batch)
            if progress is not None:
                progress(run.fingerprint.samples, run.source.count)
        if not run.fingerprint.samples:
            raise DataError(f"{run.source.name} holds no sample; give at least one")
        return verdict

    def _verify(self, fetched: Mapping[str, Any], own: Sequence[str], feed: Batch) -> Verdict:
        plain = self.session(self.model.proto)
        return verify(
            fetched,
            original=lambda: plain.run(own, feed.feeds),
            unoptimised=lambda: self.session(self.model.proto, optimisation="disabled").run(
                own, feed.feeds
            ),
            names=own,
        )

    def _scored(
        self, sites: Sequence[ActivationSite], store: FeatureStore
    ) -> tuple[ScoredSite, ...]:
        def score(site: ActivationSite) -> ScoredSite:
            if site.unscored is not None:
                return ScoredSite.of(site, _no_score(site.unscored))
            if not store.reached(site):
                return ScoredSite.of(site, _no_score("no batch of the data reached it"))
            sample = store.paired(site)
            return ScoredSite.of(
                site,
                score_sample(
                    sample, covariance=self.options.covariance, metrics=self.options.metrics
                ),
            )

        with ThreadPoolExecutor(self.options.jobs) as pool:
            return tuple(pool.map(score, sites))

    def _warn(self, source: DataSource, verdict: Verdict | None, session: Session) -> None:
        self.warnings += session.notices
        if source.synthetic:
            self.warnings.append(
                "the data were made up: scores on them say little about the model in use"
            )
        if verdict is not None and verdict.note:
            self.warnings.append(verdict.note)


@final
class _Pass:
    """What one pass over the data needs."""

    def __init__(
        self,
        source: DataSource,
        session: Session,
        tapped: Instrumented,
        store: FeatureStore,
        fingerprint: Fingerprint,
        size: int,
    ) -> None:
        self.source, self.session, self.tapped = source, session, tapped
        self.store, self.fingerprint, self.size = store, fingerprint, size


def _tensors(sites: Sequence[ActivationSite]) -> list[str]:
    return [name for s in sites if s.unscored is None for name in (s.input, s.output)]


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


def _no_score(reason: str) -> SiteScore:
    return SiteScore(
        status=Status.UNSCORED,
        reason=reason,
        samples=0,
        features=None,
        scores={},
        rank={},
        transport={},
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
