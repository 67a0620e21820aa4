"""Sites find their partners in the baseline, also where names have changed."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from onnx_affscore.audit.baseline import held_against
from onnx_affscore.comparison import Influences
from onnx_affscore.errors import DataError, OptionError
from onnx_affscore.records import Signature
from tests.audit.makers import audited, codes, signature


def named(*names: str, kinds: Sequence[str] = ()) -> Signature:
    """Make a signature whose sites have these names; score .5, .51, ... in their order."""
    sites = [{"name": name} for name in names]
    for place, kind in zip(sites, kinds, strict=False):
        place["activation"] = kind
    return signature([0.5 + i / 100 for i in range(len(names))], sites=sites)


def partners(found: Signature, base: Signature) -> list[tuple[str, str]]:
    return [(p.site.name, p.base.name) for p in held_against(found, base).pairs]


def test_sites_are_paired_by_name_whatever_their_order() -> None:
    assert partners(named("b", "a"), named("a", "b")) == [("a", "a"), ("b", "b")]


def test_renamed_sites_of_the_same_activations_are_paired_by_order() -> None:
    base, found = named("a", "b", "c"), named("x", "y", "z")
    assert partners(found, base) == [("x", "a"), ("y", "b"), ("z", "c")]
    assert codes(audited(None, found, base=base)) == []


def test_a_site_renamed_between_two_others_is_paired_by_order_too() -> None:
    base, found = named("a", "b", "c", "d"), named("a", "fused_b", "c", "d")
    assert ("fused_b", "b") in partners(found, base)
    assert codes(audited(None, found, base=base)) == []


def test_what_was_renamed_and_computes_something_else_is_missing_and_new() -> None:
    base = named("a", "b", "c", "d")
    found = named("a", "x", "c", "d", kinds=["Relu", "Gelu"])
    other = replace(found.sites[1], features=99)
    found = replace(found, sites=(found.sites[0], other, *found.sites[2:]))
    against = held_against(found, base)
    assert [s.name for s in against.missing] == ["b"]
    assert [s.name for s in against.new] == ["x"]


def test_names_that_swapped_places_are_never_paired_twice() -> None:
    base, found = named("a", "b", "c", "d"), named("c", "y", "a", "d")
    pairs = held_against(found, base).pairs
    assert len({p.site.name for p in pairs}) == len({p.base.name for p in pairs}) == len(pairs)


def influences(found: Signature, values: Sequence[float]) -> Influences:
    known = {place.name: np.array(values, dtype=float) for place in found.sites}
    return SimpleNamespace(
        model_sha256=found.model.sha256, data_sha256=found.data["sha256"], values=known
    )


def test_paired_influences_find_what_independent_errors_hide() -> None:
    base = signature([0.5], sites=[{"std": 0.1}], samples=4)
    found = signature([0.55], sites=[{"std": 0.1}], samples=4)
    (alone,) = held_against(found, base).pairs
    own, theirs = influences(found, [1, -1, 1, -1]), influences(base, [1, -1, 1.01, -1.01])
    (paired,) = held_against(found, base, influences=(own, theirs)).pairs
    assert alone.drift is not None
    assert paired.drift is not None
    assert (alone.drift.paired, paired.drift.paired) == (False, True)
    # se = sqrt(2 * .01^2 / 12)
    assert paired.drift.std == pytest.approx(0.01 / 6**0.5, rel=1e-12)
    assert paired.drift.difference == pytest.approx(0.05)
    assert alone.drift.low is not None
    assert alone.drift.low < 0 < (paired.drift.low or 0)


def test_influences_of_one_side_or_of_another_model_are_refused() -> None:
    base, found = signature([0.5]), signature([0.5], model_sha256="12" * 32)
    own = influences(found, [1, -1])
    with pytest.raises(OptionError, match="wants those of both"):
        held_against(found, base, influences=(own, None))
    with pytest.raises(DataError, match="are of another model"):
        held_against(found, base, influences=(own, own))
