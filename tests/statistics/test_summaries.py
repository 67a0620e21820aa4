"""Statistics of a signature: the record's own where both hold, and the degenerate cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.records import Role
from onnx_affscore.statistics.summaries import STATISTICS, affinities, compared_sites, summary
from tests.statistics.makers import ALEXNET, VGG19, signature


@given(st.lists(st.floats(0, 1), max_size=8))
def test_they_are_those_of_the_signature_file(values: list[float]) -> None:
    made = signature(values)
    found = summary(made)
    assert list(found) == list(STATISTICS)
    assert found == {name: made.summary[name] for name in STATISTICS}


# published: minimum, median, maximum, read off to 0.002
@pytest.mark.parametrize(
    ("values", "expected"), [(ALEXNET, (0.439, 0.529, 0.594)), (VGG19, (0.489, 0.521, 0.614))]
)
def test_published_signatures_have_the_published_statistics(
    values: tuple[float, ...], expected: tuple[float, float, float]
) -> None:
    found = summary(signature(values))
    shown = [found[name] for name in ("min", "median", "max")]
    assert shown == pytest.approx(expected, abs=0.002)
    assert found["std"] == np.std(values)  # of the population: ddof 0
    assert found["std"] != pytest.approx(np.std(values, ddof=1), rel=0.01)


def test_sites_without_a_score_are_never_compared() -> None:
    found = compared_sites(signature([0.1, None, 0.3]))
    assert affinities(found).tolist() == [0.1, 0.3]


def test_probes_are_compared_where_there_is_nothing_else() -> None:
    probes = signature([0.1, 0.3], sites=[{"role": str(Role.PROBE)}] * 2)
    assert len(compared_sites(probes).sites) == 2
    assert len(compared_sites(probes, {Role.HIDDEN}).sites) == 0
