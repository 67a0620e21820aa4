"""Signatures in MLflow: figures of the sites as metrics, the file and the page as artifacts."""

import re
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from onnx_affscore.errors import MissingExtraError
from onnx_affscore.records import ScoredSite, Signature

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run

__all__ = ["log_signature"]

_FOLDER = "affscore"
_CURVES = ("affinity", "affinity_low", "affinity_high")
# What MLflow takes in the name of a metric, less the slash: it makes groups.
_FOREIGN = re.compile(r"[^\w\-. :]", re.ASCII)
_LONGEST = 200  # MLflow takes 250 characters, the group's name among them
_BATCH = 1000  # metrics that MLflow takes at once


def log_signature(signature: Signature, *, run: "Run | None" = None) -> str:
    """Log a signature to an MLflow run, and return the run's id.

    - metrics: ``affscore/summary/mean`` and so on; ``affscore/affinity``, with its interval, as a
      curve whose step is the index of the site; ``affscore/sites/NAME``, the affinity of each
      scored site, so that runs can be compared by it;
    - artifacts: ``affscore/signature.json`` and ``affscore/report.html``;
    - tags: ``affscore.model_sha256``, ``.data_sha256``, ``.covariance``, ``.method_version``,
      ``.version``.

    Characters of a site's name that MLflow does not take become ``_``; names that are the same
    then are numbered, ``act_2``. Sites without a score have no metric.

    Parameters
    ----------
    run
        The run to log to; None takes the active one, or starts one, as MLflow's own functions do.

    Raises
    ------
    MissingExtraError
        MLflow is not installed.
    """
    try:
        import mlflow
        from mlflow.entities import Metric
    except ImportError as exc:
        raise MissingExtraError("mlflow-skinny", extra="mlflow", purpose="log_signature") from exc
    from onnx_affscore.report import FORMATS

    if run is None:
        run = mlflow.active_run() or mlflow.start_run()
    client, run_id = mlflow.MlflowClient(), str(run.info.run_id)
    metrics = list(_metrics(signature, Metric))
    for start in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + _BATCH])
    for key, value in _tags(signature).items():
        client.set_tag(run_id, f"{_FOLDER}.{key}", value)
    for name, file in (("json", "signature.json"), ("html", "report.html")):
        content = FORMATS[name].render(signature)
        text = content if isinstance(content, str) else content.decode()
        client.log_text(run_id, text, f"{_FOLDER}/{file}")
    return run_id


def _metrics(signature: Signature, metric: "type[Metric]") -> "Iterator[Metric]":
    now = int(time.time() * 1000)
    for statistic, number in signature.summary.items():
        if number is not None:
            yield metric(f"{_FOLDER}/summary/{statistic}", float(number), now, 0)
    scored = [site for site in signature.sites if site.affinity is not None]
    for site, name in zip(scored, _names(scored), strict=True):
        yield metric(f"{_FOLDER}/sites/{name}", float(site.affinity or 0.0), now, 0)
        for curve in _CURVES:
            if isinstance(value := site.scores.get(curve), float):
                yield metric(f"{_FOLDER}/{curve}", value, now, site.index)


def _names(sites: list[ScoredSite]) -> list[str]:
    """Return a name for each site that MLflow takes and that no other has."""
    taken: dict[str, None] = {}
    for site in sites:
        stem = _FOREIGN.sub("_", site.name)[-_LONGEST:]
        stem = stem if stem.strip(".") else f"site_{site.index}"  # a path of dots is refused
        name, count = stem, 1
        while name in taken:
            count += 1
            name = f"{stem}_{count}"
        taken[name] = None
    return list(taken)


def _tags(signature: Signature) -> Mapping[str, Any]:
    versions = signature.run.get("versions", {})
    tags = {
        "model_sha256": signature.model.sha256,
        "data_sha256": signature.data.get("sha256"),
        "covariance": signature.run.get("covariance"),
        "method_version": signature.method_version,
        "version": versions.get("onnx-affscore"),
    }
    return {key: str(value) for key, value in tags.items() if value is not None}
