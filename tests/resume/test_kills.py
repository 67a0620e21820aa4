"""Killed again and again, a run comes to the same bits, and does nothing twice."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.test_measure import MODELS, WIDTH, mlp

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

CASES: dict[str, dict[str, Any]] = {
    "plain": {"options": {"batch_size": 16}, "kills": 6, "events": 60},
    "automatic batches": {"options": {}, "kills": 2, "events": 24},
    "a fixed batch": {"fixed": 8, "options": {}, "kills": 4, "events": 60},
    "sparsity of all": {"options": {"sparsity": "all", "batch_size": 16}, "kills": 3, "events": 50},
    "groups and a file": {
        "options": {"samples": 150, "batch_size": 100, "memory_limit": 170_000, "metrics": ()},
        "kills": 4,
        "events": 90,
    },
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each case, its run done."""
    found = {}
    for seed, (name, case) in enumerate(CASES.items()):
        place = found[name] = tmp_path_factory.mktemp("case")
        if name == "groups and a file":
            model, data = MODELS / "torch_densenet.onnx", MODELS / "digits.npz"
        else:
            model, data = mlp(place, case.get("fixed", "n")), place / "x.npy"
            rows = np.random.default_rng(seed).normal(size=(200, WIDTH))
            np.save(data, rows.astype(np.float32))
        task = {"model": str(model), "data": str(data), "seed": seed, **case}
        (place / "task").write_text(json.dumps(task))
    subprocess.run(
        [sys.executable, "-m", "tests.resume.victim", *map(str, found.values())],
        check=True,
        cwd=MODELS.parent,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    return found


@pytest.mark.parametrize("case", CASES)
def test_the_signature_is_that_of_an_unbroken_run_to_the_bit(
    case: str, places: dict[str, Path]
) -> None:
    place = places[case]
    starts = (place / "starts").read_text().split()
    assert starts.count("killed") >= CASES[case]["kills"] - 1
    assert set(starts) <= {"killed", "0"}
    assert (place / "broken").read_text() == (place / "unbroken").read_text()


def test_one_case_has_groups_of_sites_and_a_file(places: dict[str, Path]) -> None:
    run = json.loads((places["groups and a file"] / "unbroken").read_text())["run"]
    assert run["site_groups"] > 1
    assert run["features_on_disk"] > 0


@pytest.mark.parametrize("case", CASES)
def test_no_finished_batch_is_run_again_or_read_but_the_first_and_the_last(
    case: str, places: dict[str, Path]
) -> None:
    kept: dict[str, list[set[int]]] = {}
    runs = 0
    for line in (places[case] / "log").read_text().splitlines():
        what, name, rows = json.loads(line)
        batches = kept.setdefault(name, [])
        done = set().union(*batches)
        if what == "kept":
            batches.append(set(rows))
        elif what == "run":
            runs += bool(batches)
            assert not done & set(rows)
        elif batches and name != "before":
            assert set(rows).isdisjoint(done) or batches[0] | batches[-1] >= set(rows)
    assert runs > len(kept)
