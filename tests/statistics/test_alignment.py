"""Which sites are paired, by each way of the table and by the one that chooses."""

import pytest

from onnx_affscore.errors import OptionError
from onnx_affscore.records import Signature
from onnx_affscore.statistics.alignment import ALIGNMENTS, align
from tests.statistics.makers import signature, waves

TEN = tuple("abcdefghij")
OTHERS = [{"activation": "Gelu", "features": 4, "name": name} for name in "xy"]


def named(*names: str, activation: str = "Relu") -> Signature:
    sites = [{"name": name, "activation": activation} for name in names]
    return signature([0.5 + i / 20 for i in range(len(names))], sites=sites)


def test_by_name_sites_find_each_other_wherever_they_are() -> None:
    found = align(named("a", "b", "c"), named("c", "a", "x", "y"), method="name")
    assert found.pairs == ((0, 1), (2, 0))
    assert (found.unpaired_a, found.unpaired_b) == ((1,), (2, 3))


def test_by_order_the_longer_one_keeps_its_end() -> None:
    found = align(named("a", "b"), named("c", "d", "e"), method="order")
    assert found.pairs == ((0, 0), (1, 1))
    assert (found.unpaired_a, found.unpaired_b) == ((), (2,))


def test_by_warping_every_site_has_a_partner() -> None:
    a, b = signature([0.1, 0.9]), signature([0.1, 0.1, 0.9, 0.9])
    assert align(a, b, method="dtw").pairs == ((0, 0), (0, 1), (1, 2), (1, 3))


@pytest.mark.parametrize("method", ["auto", *ALIGNMENTS])
def test_every_site_is_paired_or_named_as_left_over(method: str) -> None:
    a, b = waves()[0], waves()[2]
    found = align(a, b, method=method)
    for side, sites, left in ((0, a.sites, found.unpaired_a), (1, b.sites, found.unpaired_b)):
        paired = {pair[side] for pair in found.pairs}
        assert paired.isdisjoint(left)
        assert sorted(paired | set(left)) == list(range(len(sites)))


@pytest.mark.parametrize("method", ["auto", *ALIGNMENTS])
def test_a_signature_without_sites_has_no_pairs(method: str) -> None:
    assert align(signature([]), named("a"), method=method).pairs == ()


@pytest.mark.parametrize(
    ("a", "b", "chosen"),
    [
        (named(*TEN), named(*TEN[:9]), "name"),
        (named(*TEN), named(*TEN[:8]), "structure"),
        (named("a", "b", "c"), named("a", "b", "d"), "order"),
        (named("a", "b", "c"), named("a", "d"), "structure"),
        (named("a", "b", "c"), named("a"), "dtw"),
        (named("a", "b"), named("a", "b", activation="Gelu"), "name"),
        (named("a", "b"), named("c", "d", activation="Gelu"), "structure"),
        (named("a", "b"), signature([0.2, 0.3], sites=OTHERS), "dtw"),
    ],
)
def test_auto_takes_names_then_order_then_structure_then_warping(
    a: Signature, b: Signature, chosen: str
) -> None:
    found = align(a, b)
    assert found.method == chosen
    assert found.pairs == align(a, b, method=chosen).pairs
    assert "names are in both" in found.reason


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(OptionError, match="no alignment 'shape'; wanted one of auto, name"):
        align(named("a"), named("a"), method="shape")
