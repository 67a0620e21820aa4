"""A site whose scoring fails has no score and a reason; the other sites keep theirs."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_affscore import signature, site_scores
from onnx_affscore.cli.main import run
from onnx_affscore.errors import ClusterError, InternalError
from onnx_affscore.records import PairedSample, ScoredSite, SiteScore
from tests.builder import Builder
from tests.test_measure import X, mlp

FIRST, SECOND = 5, 4  # features of the two sites of `mlp`
Fault = Callable[[PairedSample], None]


@pytest.fixture
def scoring(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fault], None]:
    """Have a fault happen where a site is scored."""

    def inject(fault: Fault) -> None:
        score = site_scores.score_sample  # type: ignore[attr-defined]

        def broken(sample: PairedSample, **options: Any) -> SiteScore:
            fault(sample)
            found: SiteScore = score(sample, **options)
            return found

        monkeypatch.setattr(site_scores, "score_sample", broken)

    return inject


def features(sample: PairedSample) -> int:
    return int(sample.x.features.shape[1])


def selected(found: Any) -> list[ScoredSite]:
    return [s for s in found.sites if s.role == "hidden"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_bug_at_one_site_leaves_the_others_their_scores(
    jobs: int, tmp_path: Path, scoring: Callable[[Fault], None]
) -> None:
    plain = selected(signature(mlp(tmp_path), X, jobs=jobs))

    def fault(sample: PairedSample) -> None:
        if features(sample) == SECOND:
            raise ZeroDivisionError("no such luck")

    scoring(fault)
    first, second = selected(signature(mlp(tmp_path), X, jobs=jobs))
    assert first == plain[0]
    assert (second.name, second.status, second.affinity) == (plain[1].name, "unscored", None)
    assert second.reason is not None
    for part in ("internal error while 'second'", "ZeroDivisionError: no such luck", "report it"):
        assert part in second.reason
    assert "test_scoring.py, line" in second.reason


def test_a_bug_that_leaves_no_site_ends_the_run(
    tmp_path: Path, scoring: Callable[[Fault], None]
) -> None:
    def fault(sample: PairedSample) -> None:
        raise ZeroDivisionError("no such luck")

    scoring(fault)
    with pytest.raises(InternalError, match="ZeroDivisionError: no such luck") as caught:
        signature(mlp(tmp_path), X)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_errors_that_are_not_of_one_site_end_the_run(
    tmp_path: Path, scoring: Callable[[Fault], None]
) -> None:
    def fault(sample: PairedSample) -> None:
        raise ClusterError("no worker is left")

    scoring(fault)
    with pytest.raises(ClusterError, match="no worker is left"):
        signature(mlp(tmp_path), X)


def test_an_interrupt_while_scoring_ends_the_run(
    tmp_path: Path, scoring: Callable[[Fault], None]
) -> None:
    def fault(sample: PairedSample) -> None:
        raise KeyboardInterrupt

    scoring(fault)
    with pytest.raises(KeyboardInterrupt):
        signature(mlp(tmp_path), X)


def test_a_site_that_memory_does_not_bear_beside_others_is_scored_alone(
    tmp_path: Path, scoring: Callable[[Fault], None]
) -> None:
    first, second = selected(signature(mlp(tmp_path), X, jobs=2))
    order: list[int] = []

    def fault(sample: PairedSample) -> None:
        order.append(features(sample))
        if features(sample) == SECOND and order.count(SECOND) == 1:
            raise MemoryError("Unable to allocate 3.2 GiB")

    scoring(fault)
    again = selected(signature(mlp(tmp_path), X, jobs=2))
    assert order[-1] == SECOND  # behind all others
    assert len(order) == 3
    assert again[0] == first
    assert again[1].affinity == pytest.approx(second.affinity, rel=1e-12)  # threads of the BLAS
    assert "scored alone; --jobs 1" in again[1].warnings[-1]


def test_a_site_that_memory_does_not_bear_at_all_says_so_and_what_to_do(
    tmp_path: Path, scoring: Callable[[Fault], None]
) -> None:
    def fault(sample: PairedSample) -> None:
        if features(sample) == SECOND:
            raise MemoryError

    plain = selected(signature(mlp(tmp_path), X))
    scoring(fault)
    first, second = selected(signature(mlp(tmp_path), X))
    assert first == plain[0]
    assert second.status == "unscored"
    assert second.reason == (
        "memory ran out while it was scored, 30 rows of 4 features in double precision;"
        " take fewer --samples or --metrics, or another --pool"
    )


def test_a_site_that_lost_its_score_is_incomplete_on_the_command_line(
    tmp_path: Path, scoring: Callable[[Fault], None], capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", X)

    def fault(sample: PairedSample) -> None:
        if features(sample) == SECOND:
            raise MemoryError

    scoring(fault)
    arguments = ["score", str(mlp(tmp_path)), "--data", str(tmp_path / "x.npy")]
    for extra, code in (([], 0), (["--strict"], 5)):
        with pytest.raises(SystemExit) as caught:
            run([*arguments, *extra])
        assert caught.value.code == code
    assert "memory ran out while it was scored" in capsys.readouterr().out


_STARVED = """
import resource, sys
from pathlib import Path
import numpy as np
from onnx_affscore import signature, site_scores
x = np.load(sys.argv[2])
options = dict(threads=1, jobs=1, metrics=(), verify=False, sparsity="none", details=False)
plain = signature(sys.argv[1], x, include="narrow", **options)
score = site_scores.score_sample
def starved(*arguments, **knobs):
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (24 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    try:
        return score(*arguments, **knobs)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
site_scores.score_sample = starved
found = signature(sys.argv[1], x, **options)
by_name = {s.name: s for s in found.sites}
assert by_name["narrow"].affinity == plain.values[0]
print(by_name["wide"].status, by_name["wide"].reason)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process's addresses")
def test_real_memory_that_runs_out_while_a_wide_site_is_scored(tmp_path: Path) -> None:
    samples, wide = 1024, 4096  # a table of 32 MiB, and several of them are needed
    g = Builder()
    hidden = g.op("Relu", g.dense(g.input(["n", 6]), 6, wide, seed=1), node_name="wide")
    narrow = g.op("Tanh", g.dense(hidden, wide, 4, seed=2), node_name="narrow")
    g.output(g.dense(narrow, 4, 2, seed=3), ["n", 2])
    path = g.save(tmp_path / "wide.onnx")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(samples, 6)).astype("f4"))
    command = [sys.executable, "-c", _STARVED, str(path), str(tmp_path / "x.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("unscored memory ran out while it was scored, 1024 rows of 4096")


def test_memory_that_runs_out_elsewhere_is_an_error_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def starve(*arguments: object, **options: object) -> None:
        raise MemoryError("Unable to allocate 9 GiB")

    monkeypatch.setattr("onnx_affscore.api.signature", starve)
    with pytest.raises(SystemExit) as caught:
        run(["score", str(mlp(tmp_path))])
    assert caught.value.code == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: memory ran out (Unable to allocate 9 GiB); take fewer --samples")
