"""The whole comparison from Python: what it holds, what it refuses, what it warns of."""

from dataclasses import dataclass

import numpy as np
import pytest

from onnx_affscore.comparison import Comparison
from onnx_affscore.errors import DataError, OptionError
from onnx_affscore.records import FloatArray, Role, Signature
from onnx_affscore.statistics.compare import compare
from onnx_affscore.statistics.distances import DISTANCES
from tests.statistics.makers import signature, waves

LABELS = list("abcdef")
ACCURACIES = dict(zip(LABELS, [0.9, 0.92, 0.91, 0.8, 0.81, 0.79], strict=True))


@pytest.fixture(scope="module")
def found() -> Comparison:
    return compare(
        waves(), labels=LABELS, families=["low"] * 3 + ["high"] * 3, accuracies=ACCURACIES
    )


def test_all_others_are_compared_with_the_first(found: Comparison) -> None:
    assert [(pair.a, pair.b) for pair in found.pairs] == [("a", other) for other in "bcdef"]
    assert found.labels == LABELS


def test_every_distance_is_there_and_the_chosen_one_is_clustered(found: Comparison) -> None:
    assert list(found.distances) == list(DISTANCES)
    assert found.distance.name == "dtw"
    assert found.clustering is not None
    assert found.clustering.agreement.value == 1


def test_few_accuracies_are_warned_of(found: Comparison) -> None:
    assert len(found.associations) == 12
    assert any("6 models: so few points prove nothing" in w for w in found.warnings)
    some = compare(waves(), labels=LABELS, accuracies={"a": 0.5, "unknown": 0.6})
    assert some.accuracies == {"a": 0.5}
    assert any("5 of 6 models have no accuracy" in w for w in some.warnings)
    assert compare(waves()).associations == ()


def test_the_baseline_can_be_named() -> None:
    found = compare(waves(), labels=LABELS, baseline="d")
    assert [(pair.a, pair.b) for pair in found.pairs] == [("d", other) for other in "abcef"]


def test_checkpoints_come_in_the_order_of_their_steps() -> None:
    found = compare(waves(), labels=[f"epoch{n}" for n in (5, 4, 3, 2, 1, 0)], checkpoints=True)
    assert found.labels == [f"epoch{n}" for n in range(6)]
    assert found.training is not None
    assert found.training.steps == tuple(range(6))
    assert found.pairs[0].a == "epoch0"
    assert compare(waves()).training is None


def test_families_of_one_are_no_families() -> None:
    found = compare(waves(), families=LABELS)
    assert found.clustering is not None
    assert found.clustering.choice == "where the silhouette is best"


def test_a_missing_distance_leaves_the_rest_whole() -> None:
    found = compare([*waves(), signature([], path="empty.onnx")])
    assert found.clustering is None
    assert found.no_clustering == "no clusters: a signature has no scored site"
    assert len(found.pairs) == 6
    assert any("no scored site to compare in: empty.onnx" in w for w in found.warnings)


@pytest.mark.parametrize(
    ("roles", "names"),
    [
        (None, ["act.0", "act.1"]),
        ({"gate"}, ["act.1"]),
        ({"probe", "hidden"}, ["act.0", "act.2"]),
    ],
)
def test_probes_are_left_out_unless_asked_for(roles: set[str] | None, names: list[str]) -> None:
    sites = [{"role": str(role)} for role in (Role.HIDDEN, Role.GATE, Role.PROBE, Role.HIDDEN)]
    many = [signature([0.1, 0.9, 0.5, None], sites=sites, path=path) for path in ("x", "y")]
    found = compare(many, roles=roles)
    assert [site.name for site in found.members[0].signature.sites] == names
    assert [d.site_a for d in found.pairs[0].differences] == names


def test_versions_of_the_method_are_never_mixed() -> None:
    many = [*waves(), signature([0.5], path="new.onnx", method_version="2")]
    with pytest.raises(DataError, match=r"version 1: 0.onnx, .*, \.\.\.; version 2: new\.onnx"):
        compare(many)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"distance": "cosine"}, "no distance 'cosine'"),
        ({"linkage": "chain"}, "no linkage 'chain'"),
        ({"align": "shape"}, "no alignment 'shape'"),
        ({"correction": "tukey"}, "no correction 'tukey'"),
        ({"baseline": "z"}, "no baseline 'z'; wanted one of 0.onnx"),
        ({"roles": {"tail"}}, "no role 'tail'; wanted some of hidden"),
        ({"roles": set()}, "no role at all"),
        ({"statistic": "mode"}, "no statistic 'mode'; wanted one of mean"),
        ({"groups": 9}, "9 groups of 6"),
        ({"labels": ["a"]}, "found 1 labels and 1 families of 6 signatures"),
        ({"labels": ["a"] * 6}, "two signatures called 'a'"),
    ],
)
def test_what_cannot_be_done_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        compare(waves(), **arguments)  # type: ignore[arg-type]


def test_one_signature_is_no_comparison() -> None:
    with pytest.raises(OptionError, match="found 1 signatures; a comparison wants two or more"):
        compare(waves()[:1])


@pytest.mark.parametrize(
    ("changed", "warning"),
    [
        ({"sha256": "ef" * 32}, "the data, or the form models take it in, differs"),
        ({"samples": 500}, "the data, or the form models take it in, differs"),
        ({"pool": "flatten"}, "the pooling differs: mean, flatten"),
        ({"covariance": "reference"}, "the covariance differs: auto, reference"),
        ({"synthetic": True}, "scored on made-up input, which says little: odd"),
    ],
)
def test_what_keeps_signatures_from_being_comparable_is_said(
    changed: dict[str, object], warning: str
) -> None:
    two = [signature([0.5]), signature([0.6], **changed)]
    found = compare(two, labels=["even", "odd"])
    assert [w for w in found.warnings if warning in w]
    assert compare([two[0], two[0]], labels=["x", "y"]).warnings == ()


def test_the_same_data_in_another_place_are_the_same_data() -> None:
    moved = signature([0.6], source="elsewhere/x.npy")
    assert compare([signature([0.5]), moved], labels=["a", "b"]).warnings == ()


def test_wards_linkage_is_warned_of_where_distances_are_not_euclidean() -> None:
    assert any("ward" in w for w in compare(waves(), linkage="ward").warnings)
    alike = [signature([0.1 * i, 0.5], path=f"{i}") for i in range(4)]
    assert compare(alike, linkage="ward", distance="l2").warnings == ()


@dataclass(frozen=True)
class Kept:
    """Influences as they are kept beside a signature."""

    model_sha256: str
    data_sha256: str
    values: dict[str, FloatArray]


def kept(signature: Signature, *, data: str = "ab" * 32) -> Kept:
    generator = np.random.default_rng(0)
    values = {site.name: generator.standard_normal(10) for site in signature.sites}
    return Kept(signature.model.sha256, data, values)


def two_models() -> list[Signature]:
    sites = [{"std": 0.1}] * 2
    return [
        signature([0.5, 0.6], sites=sites, model_sha256=digit * 64, path=f"epoch{digit}")
        for digit in "21"
    ]


@pytest.mark.parametrize("checkpoints", [False, True])
def test_influences_follow_their_signatures(checkpoints: bool) -> None:
    models = two_models()
    influences = [kept(model) for model in models]
    found = compare(models, influences=influences, checkpoints=checkpoints)
    assert all(difference.paired for difference in found.pairs[0].differences)
    for member in found.members:
        (own,) = (i for i in influences if i.model_sha256 == member.signature.model.sha256)
        assert member.influences is own.values
    assert not any("as independent" in w for w in found.pairs[0].warnings)


def test_influences_of_another_model_or_data_are_refused() -> None:
    models = two_models()
    right = [kept(model) for model in models]
    with pytest.raises(DataError, match=r"epoch2 are of another model \(sha256 11111111,"):
        compare(models, influences=right[::-1])
    with pytest.raises(DataError, match=r"epoch1 are of another data \(sha256 efefefef,"):
        compare(models, influences=[right[0], kept(models[1], data="ef" * 32)])
    with pytest.raises(OptionError, match="found influences of 1 signatures for 2"):
        compare(models, influences=right[:1])
