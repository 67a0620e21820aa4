"""What is logged is what the signature says, read back from a real local store of MLflow."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pytest

from onnx_affscore import Signature, signature
from onnx_affscore.errors import MissingExtraError
from onnx_affscore.integrations.mlflow import log_signature
from tests.builder import Builder

# MLflow's own imports and its database layer warn of what will change in them.
pytestmark = pytest.mark.filterwarnings("default")
X = np.random.default_rng(0).normal(size=(100, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Signature:
    b = Builder()
    x = b.input(["n", 6])
    for activation in ("Relu", "Tanh"):
        x = b.op(activation, b.dense(x, 6, 6))
    b.output(b.dense(x, 6, 2), ["n", 2])
    return signature(b.save(tmp_path_factory.mktemp("m") / "m.onnx"), X)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[mlflow.MlflowClient]:
    """An empty store: a database and a folder, nothing outside them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.create_experiment("models", artifact_location=(tmp_path / "artifacts").as_uri())
    mlflow.set_experiment("models")
    yield mlflow.MlflowClient()
    while mlflow.active_run() is not None:
        mlflow.end_run()
    mlflow.set_tracking_uri(before)


def test_metrics_tags_and_artifacts_are_those_of_the_signature(
    store: mlflow.MlflowClient, scored: Signature, tmp_path: Path
) -> None:
    with mlflow.start_run() as run:
        assert log_signature(scored) == run.info.run_id
    data = store.get_run(run.info.run_id).data
    assert data.metrics["affscore/summary/mean"] == scored.summary["mean"]
    assert data.tags["affscore.model_sha256"] == scored.model.sha256
    assert data.tags["affscore.data_sha256"] == scored.data["sha256"]
    for site in scored.sites:
        assert data.metrics[f"affscore/sites/{site.name}"] == site.affinity
    curve = store.get_metric_history(run.info.run_id, "affscore/affinity")
    assert {m.step: m.value for m in curve} == {s.index: s.affinity for s in scored.sites}
    folder = mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path="affscore", dst_path=os.fspath(tmp_path / "back")
    )
    assert {p.name for p in Path(folder).iterdir()} == {"signature.json", "report.html"}
    assert Signature.from_json(Path(folder) / "signature.json") == scored


def test_a_run_that_is_given_is_taken(store: mlflow.MlflowClient, scored: Signature) -> None:
    with mlflow.start_run() as other:
        pass
    assert log_signature(scored, run=other) == other.info.run_id
    assert mlflow.active_run() is None
    assert store.get_run(other.info.run_id).data.metrics


def test_without_a_run_one_is_started(store: mlflow.MlflowClient, scored: Signature) -> None:
    run_id = log_signature(scored)
    active = mlflow.active_run()
    assert active is not None
    assert active.info.run_id == run_id


def test_names_that_mlflow_refuses_are_written_so_that_none_is_lost(
    store: mlflow.MlflowClient, scored: Signature
) -> None:
    names = ["a#2", "a_2", "a@2", "..", ".", "/x//y/", "層" * 300, "é\n", " ", ""]
    site = scored.sites[0]
    odd = tuple(replace(site, name=name, index=i) for i, name in enumerate(names))
    run_id = log_signature(replace(scored, sites=odd))
    logged = store.get_run(run_id).data.metrics
    assert sum(key.startswith("affscore/sites/") for key in logged) == len(names)


def test_sites_without_a_score_have_no_metric(
    store: mlflow.MlflowClient, scored: Signature
) -> None:
    dead = replace(scored.sites[0], scores=dict.fromkeys(scored.sites[0].scores))
    run_id = log_signature(replace(scored, sites=(dead, scored.sites[1])))
    logged = store.get_run(run_id).data.metrics
    assert f"affscore/sites/{dead.name}" not in logged
    assert len(store.get_metric_history(run_id, "affscore/affinity")) == 1


def test_more_metrics_than_mlflow_takes_at_once_are_logged(
    store: mlflow.MlflowClient, scored: Signature
) -> None:
    many = tuple(replace(scored.sites[0], name=f"s{i}", index=i) for i in range(600))
    run_id = log_signature(replace(scored, sites=many))
    assert len(store.get_metric_history(run_id, "affscore/affinity")) == len(many)


def test_where_mlflow_is_missing_the_extra_is_named(
    scored: Signature, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match=r"onnx-affscore\[mlflow\]"):
        log_signature(scored)


def test_the_page_is_one_file(store: mlflow.MlflowClient, scored: Signature) -> None:
    run_id = log_signature(scored)
    text = mlflow.artifacts.load_text(f"runs:/{run_id}/affscore/report.html")
    assert text.startswith("<!doctype html>")
    assert json.loads(mlflow.artifacts.load_text(f"runs:/{run_id}/affscore/signature.json"))
