"""Clusters: groups that are plain to see are found, and the figures are those of others' code."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, silhouette_score

from onnx_affscore.errors import DataError, OptionError
from onnx_affscore.records import Status
from onnx_affscore.statistics.clustering import (
    LINKAGES,
    adjusted_rand_index,
    cluster,
    silhouette,
)
from onnx_affscore.statistics.distances import distance_matrix
from tests.statistics.makers import signature, waves

GROUPINGS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=12)


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("distance", ["dtw", "wasserstein"])
def test_two_kinds_of_signature_are_two_groups(linkage: str, distance: str) -> None:
    found = cluster(distance_matrix(waves(), distance), linkage=linkage)
    assert found.choice == "where the silhouette is best"
    assert len(set(found.groups)) == 2
    assert len(set(found.groups[:3])) == len(set(found.groups[3:])) == 1
    assert sorted(found.order) == list(range(6))
    assert found.groups[found.order[0]] == 1  # numbered as the dendrogram shows them
    assert found.silhouette.value is not None
    assert found.silhouette.value > 0.7
    assert found.cophenetic.value is not None
    assert found.cophenetic.value > 0.9
    heights = [height for _, _, height, _ in found.merges]
    assert heights == sorted(heights)


@pytest.mark.parametrize("groups", range(1, 7))
def test_the_number_of_groups_can_be_asked_for(groups: int) -> None:
    found = cluster(distance_matrix(waves()), groups=groups)
    assert len(set(found.groups)) == groups
    assert found.choice == "asked for"


def test_families_set_the_number_of_groups_and_are_compared_with_them() -> None:
    matrix = distance_matrix(waves())
    right = cluster(matrix, families=["low"] * 3 + ["high"] * 3)
    assert right.choice == "as many as there are families"
    assert right.agreement.value == 1
    wrong = cluster(matrix, families=["odd", "even"] * 3)
    assert wrong.agreement.value is not None
    assert wrong.agreement.value < 0.1
    assert cluster(matrix).agreement.reason == "no two families were given"


def test_a_missing_distance_leaves_no_clusters_and_says_why() -> None:
    many = [signature([0.1]), signature([0.2]), signature([])]
    with pytest.raises(DataError, match="no clusters: a signature has no scored site"):
        cluster(distance_matrix(many))


def test_two_signatures_are_one_group_with_a_tree() -> None:
    found = cluster(distance_matrix(waves()[:2]))
    assert found.groups == (1, 1)
    assert found.choice == "two are too few to cut"
    assert len(found.merges) == 1
    assert found.silhouette.value is None
    assert found.cophenetic.value is None


def test_equal_signatures_have_no_correlation_to_give() -> None:
    found = cluster(distance_matrix([signature([0.5])] * 4))
    assert found.cophenetic.reason == "all distances are equal"


@pytest.mark.parametrize("groups", [0, 7])
def test_an_impossible_number_of_groups_is_refused(groups: int) -> None:
    with pytest.raises(OptionError, match=f"{groups} groups of 6 signatures; wanted from 1 to 6"):
        cluster(distance_matrix(waves()), groups=groups)


def test_an_unknown_linkage_is_refused() -> None:
    with pytest.raises(OptionError, match="no linkage 'chain'; wanted one of single"):
        cluster(distance_matrix(waves()), linkage="chain")


@given(GROUPINGS)
def test_the_rand_index_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    a, b = zip(*pairs, strict=True)
    found = adjusted_rand_index(a, b)
    if found.value is None:
        assert found.status == Status.DEGENERATE
        assert {len(set(a)), len(set(b))} <= {1, len(a)}
    else:
        # two ratios of integers, rounded
        assert found.value == pytest.approx(adjusted_rand_score(a, b), abs=1e-12)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3)), min_size=3, max_size=12),
)
def test_the_silhouette_is_that_of_scikit_learn(points: list[tuple[float, int]]) -> None:
    values, groups = np.array([p[0] for p in points]), [p[1] for p in points]
    assume(1 < len(set(groups)) < len(groups))
    assume(len(set(values)) == len(values))
    square = np.abs(values[:, None] - values)
    found = silhouette(square, groups).value
    expected = silhouette_score(square, groups, metric="precomputed")
    assert found == pytest.approx(expected, abs=1e-9)  # quotients of sums of at most 12
