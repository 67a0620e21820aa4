"""The story in one page: locate, instrument, run, gather, score, and out comes a Signature."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from onnx_affscore.account import Account, identity
from onnx_affscore.by_class import by_class, check_labels
from onnx_affscore.chance import seen
from onnx_affscore.data.sharing import SharedData
from onnx_affscore.data.source import Data
from onnx_affscore.engine import open_engine
from onnx_affscore.features import Features, SaveFeatures
from onnx_affscore.gather import Gathered, gather
from onnx_affscore.leaving import keeping
from onnx_affscore.measurement import Measurement
from onnx_affscore.options import Options
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import (
    METHOD_VERSION,
    SCHEMA_VERSION,
    ActivationSite,
    Signature,
    Status,
)
from onnx_affscore.resume.folder import open_kept
from onnx_affscore.score.table import companions
from onnx_affscore.selection import check_selected
from onnx_affscore.site_scores import Keep, score_sites
from onnx_affscore.witness import Progress, Witness, told

__all__ = ["Progress", "measure"]


def measure(
    model_path: str | Path,
    data: Data = None,
    *,
    options: Options | None = None,
    progress: Progress | None = None,
    keep: Keep | None = None,
    save: SaveFeatures | None = None,
    shared: SharedData | None = None,
) -> Signature:
    """Score every activation of a model on data and return its signature.

    ``keep`` gets the influence of the samples on every score, where the options ask for it;
    ``save`` gets the features of all sites that have any. ``shared`` holds what was read of the
    data for other models.

    Raises :class:`NothingToScoreError` where no site is found or selected, and the other errors
    of :mod:`onnx_affscore.errors` where the model, the data or the runtime fail.
    """
    options = options or Options()
    start = time.perf_counter()
    keeping("")
    told(progress, "reading the model", 0, None)
    with open_engine(options) as engine:
        found = _measured(
            Measurement(
                model_path, options, engine, whole=options.cluster is not None, shared=shared
            ),
            data,
            progress,
            keep=keep,
            save=save,
            start=start,
        )
    keeping(None)
    return found


def _measured(
    m: Measurement,
    data: Data,
    progress: Progress | None,
    *,
    keep: Keep | None,
    save: SaveFeatures | None,
    start: float,
) -> Signature:
    companions(m.options.metrics)  # a name that nobody knows is refused before the long work
    located = m.located()
    check_selected(located.sites)
    given = m.source(data)
    with open_kept(m.options.resume, partial(identity, m, given, data)) as m.kept:
        told(progress, "trying the model on a sample", 0, None)
        source, probed = m.probe(given, located)
        check_labels(source, m.options)
        drawn = seen(m, source, located)
        m.warnings += [drawn] if drawn else []
        resolved = m.resolved(located, source, probed)
        size = m.batch_size(probed)
        witness = Witness(m, source, progress)
        ready = time.perf_counter()
        gathered = gather(m, source, located, resolved, size=size, witness=witness)
    ran = time.perf_counter()
    sites = score_sites(
        resolved.sites,
        gathered,
        options=m.options,
        engine=m.engine,
        keep=keep,
        tell=partial(told, progress, "sites scored"),
    )
    groups = by_class(
        resolved.sites,
        sites,
        gathered,
        source=source,
        witness=witness,
        options=m.options,
        engine=m.engine,
        tell=partial(told, progress, "sites scored by class"),
    )
    done = time.perf_counter()
    seconds = {"inference": ran - ready, "scoring": done - ran, "total": done - start}
    account = Account(m, source, witness, gathered)
    found = Signature(
        schema_version=SCHEMA_VERSION,
        method_version=METHOD_VERSION,
        model=m.model.info,
        data=account.data(data),
        run=account.run(seconds),
        sites=sites,
        skipped=located.skipped,
        groups=groups,
        warnings=account.warnings(),
    )
    if save is not None:
        save(_features(found, resolved.sites, gathered, source=source, witness=witness))
    return found


def _features(
    found: Signature,
    sites: Sequence[ActivationSite],
    gathered: Gathered,
    *,
    source: DataSource,
    witness: Witness,
) -> Features:
    by_name = {site.name: site for site in sites}
    return Features(
        found,
        tuple(s.name for s in found.sites if s.status != Status.UNSCORED),
        read=lambda name: gathered.paired(by_name[name]),
        samples_of=lambda name: gathered.samples_of(by_name[name]),
        rows=witness.rows,
        labels=source.labels,
    )
