"""``assert_signature_close`` passes what it should, and its message puts the worst first."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from onnx_affscore import ScoredSite, Signature, signature
from onnx_affscore.testing import assert_signature_close
from tests.builder import Builder

X = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Signature:
    b = Builder()
    x = b.input(["n", 6])
    for activation in ("Relu", "Tanh", "Sigmoid"):
        x = b.op(activation, b.dense(x, 6, 6))
    b.output(b.dense(x, 6, 2), ["n", 2])
    return signature(b.save(tmp_path_factory.mktemp("m") / "m.onnx"), X, roles="all")


def _site(given: Signature, index: int, site: ScoredSite) -> Signature:
    sites = list(given.sites)
    sites[index] = site
    return replace(given, sites=tuple(sites))


def _moved(given: Signature, *moves: float) -> Signature:
    """The same signature with these differences of its first affinities."""
    for index, by in enumerate(moves):
        site = given.sites[index]
        scores = {**site.scores, "affinity": (site.affinity or 0.0) + by}
        given = _site(given, index, replace(site, scores=scores))
    return given


def _on_other_data(given: Signature, std: float | None) -> Signature:
    sites = tuple(replace(s, scores={**s.scores, "affinity_std": std}) for s in given.sites)
    return replace(given, sites=sites, data={**given.data, "sha256": "other"})


def test_a_signature_is_close_to_itself_and_to_its_file(scored: Signature, tmp_path: Path) -> None:
    scored.to_json(tmp_path / "s.json")
    assert_signature_close(scored, tmp_path / "s.json", tolerance=0.0)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_tolerance_is_the_border(scored: Signature, sign: int) -> None:
    assert_signature_close(_moved(scored, sign * 0.0099), scored)
    with pytest.raises(AssertionError, match=r"differ at 1 of 3 sites \(tolerance 0.01\)"):
        assert_signature_close(_moved(scored, sign * 0.0101), scored)


def test_the_worst_sites_come_first(scored: Signature) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_signature_close(_moved(scored, 0.02, -0.05, 0.03), scored)
    found = re.findall(r"differs by ([-+][\d.]+), allowed 0.0100", str(caught.value))
    assert found == ["-0.0500", "+0.0300", "+0.0200"]


def test_long_lists_are_cut(scored: Signature) -> None:
    sites = tuple(replace(scored.sites[0], name=f"s{i}") for i in range(15))
    with pytest.raises(AssertionError, match="and 8 more"):
        assert_signature_close(replace(scored, sites=sites), scored)


def test_sampling_excuses_a_difference_on_other_data_only(scored: Signature) -> None:
    # 1.96 * sqrt(2) * 0.05 = 0.1386
    one, other = _on_other_data(scored, 0.05), replace(_on_other_data(scored, 0.05), data={})
    assert_signature_close(_moved(one, 0.138), other)
    with pytest.raises(AssertionError, match=r"allowed 0\.1386"):
        assert_signature_close(_moved(one, 0.139), other)
    with pytest.raises(AssertionError, match=r"allowed 0\.0100"):
        assert_signature_close(_moved(one, 0.138), other, intervals=False)
    with pytest.raises(AssertionError, match=r"allowed 0\.0100"):
        assert_signature_close(_moved(one, 0.138), one)
    with pytest.raises(AssertionError, match=r"allowed 0\.0100"):
        assert_signature_close(_moved(_on_other_data(scored, None), 0.138), other)


def test_a_site_that_only_one_has_is_a_difference(scored: Signature) -> None:
    fewer = replace(scored, sites=scored.sites[1:])
    name = re.escape(scored.sites[0].name)
    with pytest.raises(AssertionError, match=f"{name}: the expected signature has it"):
        assert_signature_close(fewer, scored)
    with pytest.raises(AssertionError, match=f"{name}: the actual signature has it"):
        assert_signature_close(scored, fewer)


def test_another_activation_is_a_difference(scored: Signature) -> None:
    other = _site(scored, 0, replace(scored.sites[0], activation="Gelu"))
    with pytest.raises(AssertionError, match="Gelu, expected Relu"):
        assert_signature_close(other, scored)


def test_a_score_that_only_one_has_is_a_difference(scored: Signature) -> None:
    site = scored.sites[0]
    scores = {**site.scores, "affinity": None}
    dead = replace(site, scores=scores, status="degenerate", reason="constant")
    other = _site(scored, 0, dead)
    with pytest.raises(AssertionError, match=r"degenerate \(constant\), expected 0\.\d+"):
        assert_signature_close(other, scored)
    assert_signature_close(other, other)
    unscored = _site(scored, 0, replace(dead, status="unscored", reason="role"))
    with pytest.raises(AssertionError, match=r"unscored \(role\), expected degenerate"):
        assert_signature_close(unscored, other)


def test_a_number_that_is_none_never_passes(scored: Signature) -> None:
    with pytest.raises(AssertionError, match="nan"):
        assert_signature_close(_moved(scored, float("nan")), scored)


def test_signatures_of_two_methods_are_not_compared(scored: Signature) -> None:
    with pytest.raises(AssertionError, match="different methods: 0 and"):
        assert_signature_close(replace(scored, method_version="0"), scored)
