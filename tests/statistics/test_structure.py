"""Sites paired by structure: the best of all pairings in order, and what conversions do."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.records import ScoredSite
from onnx_affscore.statistics.structure import by_structure
from tests.statistics.makers import site

Pairs = Sequence[tuple[int, int]]
SITES = st.builds(
    lambda name, activation, features, role, affinity: site(
        0, affinity, name=name, activation=activation, features=features, role=role
    ),
    st.sampled_from("abc"),
    st.sampled_from(["Relu", "Gelu"]),
    st.sampled_from([4, 8]),
    st.sampled_from(["hidden", "gate"]),
    st.none() | st.floats(0, 1),
)


def sites(*kinds: str, names: str) -> list[ScoredSite]:
    """Make sites from words such as ``Relu64``, called by one letter each."""
    made = []
    for i, (kind, name) in enumerate(zip(kinds, names, strict=True)):
        activation = kind.rstrip("0123456789")
        width = int(kind.removeprefix(activation))
        made.append(site(i, 0.5, name=name, activation=activation, features=width))
    return made


def worth(a: ScoredSite, b: ScoredSite) -> int | None:
    """What two sites have in common, as the module says; None where they are no pair."""
    name, activation = a.name == b.name, a.activation == b.activation
    features, role = a.features == b.features, a.role == b.role
    if not (name or activation or (features and role)):
        return None
    return 8 * name + 4 * activation + features + role


def every_pairing(a: Sequence[ScoredSite], b: Sequence[ScoredSite]) -> Iterator[Pairs]:
    for size in range(min(len(a), len(b)) + 1):
        for left in combinations(range(len(a)), size):
            for right in combinations(range(len(b)), size):
                yield list(zip(left, right, strict=True))


def total(pairs: Pairs, a: Sequence[ScoredSite], b: Sequence[ScoredSite]) -> int:
    found = [worth(a[i], b[j]) for i, j in pairs]
    return -1 if None in found else sum(w for w in found if w is not None)


@given(st.lists(SITES, max_size=5), st.lists(SITES, max_size=5))
def test_no_pairing_in_order_is_worth_more(a: list[ScoredSite], b: list[ScoredSite]) -> None:
    found = by_structure(a, b)
    best = max(total(pairs, a, b) for pairs in every_pairing(a, b))
    assert total(found, a, b) == best
    assert not found or total(found[1:], a, b) < best  # it has teeth: each pair counts


@given(st.lists(SITES, max_size=8))
def test_a_renamed_network_keeps_every_partner(a: list[ScoredSite]) -> None:
    b = [replace(s, name=f"{s.name}'") for s in a]
    assert by_structure(a, b) == tuple((i, i) for i in range(len(a)))


@given(st.lists(SITES, min_size=1, max_size=8), st.data())
def test_what_was_left_out_is_what_has_no_partner(a: list[ScoredSite], data: st.DataObject) -> None:
    a = [replace(s, name=f"{i}") for i, s in enumerate(a)]
    kept = sorted(data.draw(st.sets(st.integers(0, len(a) - 1))))
    assert [i for i, _ in by_structure(a, [a[i] for i in kept])] == kept


@pytest.mark.parametrize(
    ("a", "b", "pairs"),
    [
        # a GELU in pieces between quantisers: the piece that ends it has its name
        (
            sites("Silu24", "Gelu64", names="ab"),
            sites("Silu24", "Relu64", "Custom64", names="xyb"),
            ((0, 0), (1, 2)),
        ),
        # an activation that became another one is still the layer's
        (
            sites("Relu8", "Silu16", names="ab"),
            sites("Relu8", "HardSwish16", names="xy"),
            ((0, 0), (1, 1)),
        ),
        # a quantiser's clamp between layers finds no partner
        (
            sites("Relu8", "Relu16", names="ab"),
            sites("Relu8", "Clip4", "Relu16", names="xyz"),
            ((0, 0), (1, 2)),
        ),
        # channels that were taken out
        (
            sites("Relu8", "Gelu16", names="ab"),
            sites("Relu6", "Gelu12", names="xy"),
            ((0, 0), (1, 1)),
        ),
        (sites("Relu8", names="a"), sites("Gelu4", names="x"), ()),
        ([], sites("Relu8", names="a"), ()),
    ],
)
def test_conversions(a: list[ScoredSite], b: list[ScoredSite], pairs: Pairs) -> None:
    assert by_structure(a, b) == pairs


def test_of_sites_that_are_alike_the_one_with_the_nearest_score_is_taken() -> None:
    a = [site(0, 0.7, name="a")]
    b = [site(i, v, name=f"b{i}") for i, v in enumerate([0.2, 0.69, 0.9])]
    assert by_structure(a, b) == ((0, 1),)
    assert by_structure(a, [b[0], b[2]]) == ((0, 1),)
    assert by_structure(a, [b[2], b[0]]) == ((0, 0),)
