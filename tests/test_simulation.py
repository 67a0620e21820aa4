"""The simulation: known truths against large samples, estimators by their laws, the page."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import linalg

from onnx_affscore.records import FloatArray
from onnx_affscore.score.affinity import affinity
from onnx_affscore.score.crossfit import cross_fitted
from onnx_affscore.score.moments import Prepared
from tools.simulation import __main__ as simulation
from tools.simulation.estimators import CANDIDATES, Summary
from tools.simulation.estimators_table import table
from tools.simulation.families import Coordinate, Family, families
from tools.simulation.spectra import analytical, oracle_approximating, quadratic_inverse

from .score.oracles import paired

ROWS = 100_000
SHRINKAGES = [oracle_approximating, analytical, quadratic_inverse]


def paired_score(x: FloatArray, y: FloatArray) -> float:
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    root = np.real(linalg.sqrtm(x.T @ x / len(x)))
    inner = np.real(linalg.sqrtm(root @ (y.T @ y / len(y)) @ root))
    optimal = linalg.solve(root, linalg.solve(root, inner).T)
    return 1.0 - float(np.sqrt(max(0.0, 1.0 - np.sum((x @ optimal) * y) / np.sum(y**2))))


@pytest.mark.parametrize("family", families(8), ids=lambda family: family.name)
def test_a_large_sample_scores_what_the_integrals_say(family: Family) -> None:
    x, y = family.draw(np.random.default_rng(0), ROWS)
    # Standard errors were .0003 to .0015 (heavy tails); the tooth is the families' own spread.
    assert paired_score(x, y) == pytest.approx(family.paired, abs=0.005)


def test_families_differ_by_more_than_the_tolerance() -> None:
    assert np.ptp([family.paired for family in families(8) if family.plan == "identity"]) > 0.3


def test_known_values_of_one_coordinate() -> None:
    variance, paired, best = Coordinate("normal", "gelu").moments()
    assert 1.0 - np.sqrt(1.0 - best / variance) == pytest.approx(0.6448, abs=5e-5)
    assert paired < best  # GELU falls before it rises
    variance, paired, best = Coordinate("uniform", "leaky", mean=5.0).moments()
    assert paired == best == pytest.approx(variance, rel=1e-9)  # linear where it is met


def test_a_family_is_the_same_each_time_it_is_made() -> None:
    first, second = (families(8)[10].draw(np.random.default_rng(3), 5) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def normal_rows(n: int, variances: FloatArray) -> FloatArray:
    rows = np.random.default_rng(n).standard_normal((n, len(variances))) * np.sqrt(variances)
    return np.asarray(rows - rows.mean(axis=0))


@pytest.mark.parametrize("shrink", SHRINKAGES)
@pytest.mark.parametrize(("n", "d"), [(400, 100), (100, 300)])
def test_a_flat_spectrum_is_recovered_from_the_spread_of_sample_eigenvalues(
    shrink: Callable[[FloatArray], FloatArray], n: int, d: int
) -> None:
    rows = normal_rows(n, np.ones(d))
    loss = float(np.sum((shrink(rows) - np.eye(d)) ** 2)) / d
    # The sample itself loses d/n; kernels of few hundred eigenvalues leave some hundredths of it.
    assert loss < 0.03 * d / n < float(np.sum((rows.T @ rows / n - np.eye(d)) ** 2)) / d


def test_eigenvalues_far_apart_do_not_blow_up() -> None:
    # The closed form of the kernel's Hilbert transform cancels to nothing there.
    variances = np.where(np.arange(32) < 16, 1.0, 1e-5)
    values = np.linalg.eigvalsh(analytical(normal_rows(320, variances)))
    assert values[:16] == pytest.approx(1e-5, rel=0.3)
    assert values[16:] == pytest.approx(1.0, rel=0.3)


@pytest.mark.parametrize("shrink", SHRINKAGES)
def test_shrinkage_of_many_samples_is_the_sample_covariance(
    shrink: Callable[[FloatArray], FloatArray],
) -> None:
    rows = normal_rows(20_000, np.array([1.0, 2.0, 4.0, 8.0, 16.0]))
    assert np.allclose(shrink(rows), rows.T @ rows / len(rows), atol=0.2)  # 1 % of the largest


@pytest.mark.parametrize("shrink", SHRINKAGES)
@pytest.mark.parametrize(("n", "d"), [(60, 20), (40, 60)])
def test_shrinkage_turns_with_the_axes_scales_and_stays_definite(
    shrink: Callable[[FloatArray], FloatArray], n: int, d: int
) -> None:
    rows = normal_rows(n, np.linspace(0.5, 3.0, d))
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((d, d)))[0]
    found = shrink(rows)
    assert np.allclose(shrink(3.0 * rows @ turn), 9.0 * turn.T @ found @ turn, atol=1e-9)
    assert np.linalg.eigvalsh(found)[0] > 0.0


@pytest.mark.parametrize(
    ("candidate", "covariance"), [("empirical", "empirical"), ("ledoit-wolf", "ledoit-wolf")]
)
@pytest.mark.parametrize("n", [24, 60])
def test_the_study_scores_as_the_package_does(candidate: str, covariance: str, n: int) -> None:
    x, y = families(40)[10].draw(np.random.default_rng(2), n)
    found = affinity(paired(x, y), covariance=covariance)
    ours = CANDIDATES[candidate](x - x.mean(axis=0), y - y.mean(axis=0))
    assert found.transport is not None
    assert found.transport.paired
    assert ours == pytest.approx(found.value, abs=1e-8)
    cross = CANDIDATES["cross-fitted"](x - x.mean(axis=0), y - y.mean(axis=0))
    assert cross == pytest.approx(cross_fitted(Prepared(paired(x, y))).value, abs=1e-8)
    assert abs(cross - ours) > 1e-4  # the tooth


def two_rows(cell: str) -> list[str]:
    return [f"| {name} | {cell} |" for name in ("one", "two")]


def test_the_table_has_a_row_for_each_estimator_and_goes_between_the_marks(tmp_path: Path) -> None:
    rows = [
        Summary(32, 0.5, name, spread, -0.0123, 0.02, 0.5, "worst", 0.01, 12.0)
        for name in ("one", "two")
        for spread in ("isotropic", "anisotropic")
    ]
    lines = table(rows).splitlines()
    assert lines[0] == "**d = 32, isotropic families: mean bias (worst)**"
    assert lines[2:6] == ["| n/d | 0.5 |", "| --- | --- |", *two_rows("-.012 (+.500)")]
    assert lines[-2:] == two_rows("beyond 1")
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- simulate:x -->\nold\n<!-- /simulate:x -->\nb\n")
    simulation.replace_block(page, "x", "new")
    assert page.read_text() == "a\n<!-- simulate:x -->\nnew\n<!-- /simulate:x -->\nb\n"
    with pytest.raises(ValueError, match="put both comments"):
        simulation.replace_block(page, "y", "new")


def test_every_study_has_its_place_on_its_page() -> None:
    for name, (_, page) in simulation.STUDIES.items():
        assert f"<!-- simulate:{name} -->" in (simulation.DOCS / page).read_text("utf-8")
