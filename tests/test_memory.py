"""A memory limit is kept to, and changes no result: batches, groups of sites and files aside."""

import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore import Signature, gather, signature
from onnx_affscore.errors import OptionError, StorageError
from onnx_affscore.memory import Footprint, grouped
from onnx_affscore.records import ActivationSite, Role
from onnx_affscore.rows import Keeper, Rows
from onnx_affscore.run.session import Session
from tests.test_measure import MODELS, X, mlp

DIGITS = str(MODELS / "digits.npz")
SAMPLES = 200
# Other batches and means taken elsewhere move float32 features by some roundings of 1e-7, and
# scores, which are smooth in them, by less than ten times as much.
ROUNDING = 1e-6
# Potentials of a plan that is not the identity are known up to a range, of the size of the slack
# of its next best pairing; so are the influences and the standard error that follow from them.
UP_TO_POTENTIALS = {"affinity_low": 1e-4, "affinity_high": 1e-4, "affinity_std": 1e-4}
# Round limits just above the least, twice the features of the widest site (see memory.py): 200
# samples of 64, 96 and 32 columns in double precision, before and behind it.
LIMITS = {"jax_cnn": 420_000, "torch_efficientnet": 620_000, "torch_densenet": 210_000}


def scored(name: str, **options: Any) -> Signature:
    return signature(MODELS / f"{name}.onnx", DIGITS, samples=SAMPLES, **options)


@cache
def plain(name: str) -> Signature:
    return scored(name)


def same(found: Signature, expected: Signature) -> None:
    """Every number of every site, to rounding, and the data to the bit."""
    assert found.data == expected.data
    assert len(found.values) == len(expected.values) > 0
    for site, other in zip(found.sites, expected.sites, strict=True):
        assert (site.status, site.samples, site.features) == (
            other.status,
            other.samples,
            other.features,
        )
        assert (site.rank["input"], site.rank["output"]) == (
            other.rank["input"],
            other.rank["output"],
        )
        for key, value in other.scores.items():
            if isinstance(value, float):
                close = UP_TO_POTENTIALS.get(key, ROUNDING)
                assert site.scores[key] == pytest.approx(value, rel=close, abs=close), key
            else:
                assert site.scores[key] == value


def test_the_comparison_has_teeth() -> None:
    expected = plain("torch_densenet")
    with pytest.raises(AssertionError):
        same(scored("torch_densenet", seed=1), expected)


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize(("size", "jobs"), [(1, 2), (7, 1), (None, 2)])
def test_neither_batch_size_nor_jobs_change_a_result(
    name: str, size: int | None, jobs: int
) -> None:
    found = scored(name, batch_size=size, jobs=jobs)
    same(found, plain(name))
    assert found.run["site_groups"] == 1
    assert found.run["features_on_disk"] == 0


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("size", [1, 7, None])
def test_features_in_a_file_change_no_result(name: str, size: int | None) -> None:
    found = scored(name, batch_size=size, memory_limit=LIMITS[name])
    same(found, plain(name))
    assert found.run["features_on_disk"] > LIMITS[name] / 2
    assert found.run["site_groups"] == 1
    assert found.run["memory_limit"] == LIMITS[name]


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_sites_in_groups_change_no_result(name: str, jobs: int) -> None:
    limit = LIMITS[name] * jobs
    found = scored(name, batch_size=SAMPLES, memory_limit=limit, jobs=jobs)
    same(found, plain(name))
    groups = found.run["site_groups"]
    assert groups > 1 or jobs > 1  # twice the limit may hold a batch of all sites
    said = [w for w in found.warnings if f"measured in {groups} groups" in w]
    assert len(said) == (groups > 1)


def test_no_site_is_measured_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []
    original = gather._measured

    def spy(passes: Any, located: Any, group: Any, *rest: Any, **options: Any) -> Any:
        measured.extend(site.name for site in group.sites)
        return original(passes, located, group, *rest, **options)

    monkeypatch.setattr(gather, "_measured", spy)
    limit = LIMITS["torch_densenet"]
    found = scored("torch_densenet", batch_size=SAMPLES, memory_limit=limit, metrics=())
    assert found.run["site_groups"] > 2
    assert measured == [site.name for site in found.sites if site.status == "ok"]


def test_what_is_held_stays_below_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows in memory and outputs of a run are counted where they come in."""
    most = {"rows": 0, "outputs": 0}
    take, run = Keeper.take, Session.run

    def counted_take(self: Keeper, size: int) -> None:
        take(self, size)
        most["rows"] = max(most["rows"], self._held)

    def counted_run(self: Session, names: Any, feeds: Any) -> Any:
        fetched = run(self, names, feeds)
        most["outputs"] = max(most["outputs"], sum(a.nbytes for a in fetched.values()))
        return fetched

    monkeypatch.setattr(Keeper, "take", counted_take)
    monkeypatch.setattr(Session, "run", counted_run)
    limit = LIMITS["torch_densenet"]
    scored("torch_densenet", memory_limit=limit, metrics=(), verify=False)
    assert most["rows"] <= limit / 2
    assert most["outputs"] <= limit / 2
    scored("torch_densenet", metrics=(), verify=False)
    assert min(most.values()) > limit / 2


def site(index: int) -> ActivationSite:
    return ActivationSite(
        index, f"s{index}", "Relu", {}, Role.HIDDEN, "", (), f"t{index}", f"t{index + 1}"
    )


@given(
    st.lists(st.integers(0, 100), min_size=2, max_size=12), st.integers(1, 4), st.integers(1, 900)
)
def test_groups_hold_every_site_once_in_order_and_fit(
    weights: list[int], size: int, most: int
) -> None:
    """Neighbours share a tensor, which counts once where they are together."""
    taken = {f"t{i}": Footprint({f"o{i}": float(w)}) for i, w in enumerate(weights)}
    sites = [site(i) for i in range(len(weights) - 1)]

    def bytes_of(group: list[ActivationSite]) -> int:
        return size * sum(weights[i] for i in {i for s in group for i in (s.index, s.index + 1)})

    groups = grouped(sites, taken, size=size, most=most)
    assert [s for group in groups for s in group] == sites
    for group, after in zip(groups, [*groups[1:], None], strict=True):
        assert len(group) == 1 or bytes_of(group) <= most
        assert after is None or bytes_of([*group, after[0]]) > most  # no pass more than needed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory_limit": 1000}, r"1 kB is too low .*'first'.*30 samples in double precision.*"
                                 r"need 2\.4 kB; wanted a limit of at least 4\.8 kB"),
        ({"memory_limit": 5000, "jobs": 2}, r"for each of --jobs 2.*at least 9\.6 kB.*or --jobs"),
    ],
)  # fmt: skip
def test_a_limit_below_one_site_says_what_was_found_and_wanted(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match=message):
        signature(mlp(tmp_path), X, **options)


def test_a_batch_that_the_user_wants_and_one_site_does_not_bear_is_an_error(
    tmp_path: Path,
) -> None:
    path = mlp(tmp_path)
    options: dict[str, Any] = {"pool": "positions", "memory_limit": 6000, "metrics": ()}
    assert signature(path, X, batch_size=30, **options).run["site_groups"] >= 1
    rows = ({"x": X} for _ in range(10))  # a stream: nobody knows how many samples there are
    with pytest.raises(StorageError, match=r"a batch of 300 samples.*smaller --batch-size"):
        signature(path, rows, batch_size=300, **options)


@pytest.mark.parametrize("limit", [0, -5])
def test_no_memory_is_no_limit(limit: int, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=f"memory_limit is {limit}; wanted at least 1"):
        signature(mlp(tmp_path), X, memory_limit=limit)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_nothing_is_left_behind_by_a_run_that_breaks_off(
    error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, folder = mlp(tmp_path), tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    read, listed = Rows.read, []

    def broken(self: Rows, first: int | None = None) -> Any:
        listed.append(sorted(folder.iterdir()))
        raise error

    monkeypatch.setattr(Rows, "read", broken)
    with pytest.raises(error):
        signature(model, X, memory_limit=4900, batch_size=1)
    assert listed
    assert sorted(folder.iterdir()) == []
    monkeypatch.setattr(Rows, "read", read)
    assert signature(model, X, memory_limit=4900, batch_size=1).run["features_on_disk"] > 0
    assert sorted(folder.iterdir()) == []


_SMALL_DISK = """
import resource, sys
from onnx_affscore.cli.main import run
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
run(sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the size of files")
def test_a_disk_that_takes_no_more_is_exit_code_3_and_one_line(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    command = [sys.executable, "-c", _SMALL_DISK, "score", str(mlp(tmp_path)), "--data"]
    command += [str(tmp_path / "x.npy"), "--memory-limit", "4.9kB", "--batch-size", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: found no room for features in the temporary folder")
    assert "TMPDIR" in done.stderr
    assert done.stderr.count("\n") == 1
