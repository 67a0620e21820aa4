"""A signature per class: what a data set of that class alone would give, whatever the way there."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_affscore import Signature, signature
from onnx_affscore.data import source as sources
from onnx_affscore.data.columns import Column
from onnx_affscore.errors import DataError, OptionError, UnreadableRowsError
from onnx_affscore.groups import Group
from onnx_affscore.provenance import options_of
from onnx_affscore.records import Array
from onnx_affscore.report.signature_json import dumps, loads
from tests.builder import Builder

ROWS = 70
# Batches of other samples: sums of float32 products in another order, some 1e-7 of their size.
CLOSE = 1e-6
DRAW = np.random.default_rng(0)
IMAGES = DRAW.normal(size=(ROWS, 3, 3, 3)).astype(np.float32)
CLASSES = DRAW.integers(0, 3, size=ROWS)
IMAGES[CLASSES == 1] *= 3.0
NAMES = np.array(["cat", "dog", "owl"])
QUICK: dict[str, Any] = {"details": False, "metrics": ()}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolution, Relu, a second one, Tanh: features combined of patches, and plain ones."""
    g = Builder()
    kernel = np.random.default_rng(1).normal(size=(5, 3, 3, 3)) / 5
    before = g.op("Conv", g.input(["n", 3, 3, 3]), g.tensor(kernel), pads=[1, 1, 1, 1])
    second = np.random.default_rng(2).normal(size=(4, 5, 1, 1)) / 2
    behind = g.op("Tanh", g.op("Conv", g.op("Relu", before), g.tensor(second)))
    g.output(g.dense(g.op("Flatten", behind), 36, 2), ["n", 2])
    return g.save(tmp_path_factory.mktemp("by-class") / "model.onnx")


def scored(model: Path, images: Array, labels: Iterable[Any], **options: Any) -> Signature:
    data = {"x": images, "y": np.asarray(labels)}
    return signature(model, data, label="y", by="label", **{**QUICK, **options})


@pytest.fixture(scope="module")
def found(model: Path) -> Signature:
    """The classes of the images by their numbers, everything as by default."""
    return scored(model, IMAGES, CLASSES)


def affinities(group: Group) -> list[float | None]:
    return [site.affinity for site in group.sites]


def group(found: Signature, name: str) -> Group:
    assert found.groups is not None
    return found.groups.classes[found.groups.names.index(name)]


@pytest.mark.parametrize(
    "options", [{}, {"pool": "positions"}, {"batch_size": 7}, {"covariance": "empirical"}]
)
def test_a_class_scores_as_a_data_set_of_its_rows_alone(
    options: dict[str, Any], model: Path
) -> None:
    found = scored(model, IMAGES, NAMES[CLASSES], **options)
    assert found.groups is not None
    assert found.groups.names == tuple(NAMES)
    for code, name in enumerate(NAMES):
        rows = IMAGES[code == CLASSES]
        alone = signature(model, rows, **QUICK, **options)
        own = found.of_class(name)
        np.testing.assert_allclose(own.values, alone.values, rtol=0, atol=CLOSE)
        assert own.data["samples"] == alone.data["samples"] == len(rows)
        assert [s.samples for s in own.sites] == [s.samples for s in alone.sites]
        for site, wanted in zip(own.sites, alone.sites, strict=True):
            assert site.scores["covariance"] == wanted.scores["covariance"]
            assert site.adequacy["verdict"] == wanted.adequacy["verdict"]
        other = found.of_class(str(NAMES[code - 1]))
        assert np.abs(other.values - alone.values).max() > 100 * CLOSE


def test_the_scores_of_all_the_data_stay(found: Signature, model: Path) -> None:
    plain = signature(model, IMAGES, **QUICK)
    assert found.sites == plain.sites
    assert plain.groups is None


def test_classes_called_otherwise_score_the_same(found: Signature, model: Path) -> None:
    names = (1, 2, 0)
    again = scored(model, IMAGES, np.array(names)[CLASSES])
    for code, name in enumerate(names):
        assert replace(group(again, str(name)), name=str(code)) == group(found, str(code))


def test_the_order_of_the_rows_counts_for_no_class(model: Path) -> None:
    order = np.random.default_rng(7).permutation(ROWS)
    empirical = {"covariance": "empirical"}  # auto looks whether halves of the rows agree
    found = scored(model, IMAGES, CLASSES, **empirical)
    again = scored(model, IMAGES[order], CLASSES[order], **empirical)
    shuffled = scored(model, IMAGES[order], CLASSES, **empirical)  # labels stay where they were
    for name in "012":
        wanted = np.array(affinities(group(found, name)))
        ours = np.array(affinities(group(again, name)))
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=CLOSE)
        theirs = np.array(affinities(group(shuffled, name)))
        assert np.abs(theirs - wanted).max() > 100 * CLOSE


@pytest.mark.parametrize("options", [{"memory_limit": 30_000}, {"jobs": 3}, {"sparsity": "all"}])
def test_the_way_there_changes_no_class(
    options: dict[str, Any], found: Signature, model: Path
) -> None:
    other = scored(model, IMAGES, CLASSES, **options)
    for name in "012":
        ours, theirs = affinities(group(other, name)), affinities(group(found, name))
        np.testing.assert_allclose(np.array(ours), np.array(theirs), rtol=0, atol=CLOSE)


def test_rows_that_cannot_be_read_leave_the_labels_of_the_others(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = (0, 17, 18, 60)
    fit = sources.fit_array  # type: ignore[attr-defined]

    def torn(value: Any, hint: Any, *, where: str) -> Column:
        column: Column = fit(value, hint, where=where)

        def read(rows: Array) -> Array:
            found = {int(r): "torn" for r in rows if r in bad}
            if found:
                raise UnreadableRowsError(found)
            return column.read(rows)

        return replace(column, read=read)

    monkeypatch.setattr(sources, "fit_array", torn)
    found = scored(model, IMAGES, CLASSES, on_error="skip")
    monkeypatch.undo()
    left = [r for r in range(ROWS) if r not in bad]
    wanted = scored(model, IMAGES[left], CLASSES[left])
    assert found.groups is not None
    assert wanted.groups is not None
    for ours, theirs in zip(found.groups.classes, wanted.groups.classes, strict=True):
        assert ours.samples == theirs.samples
        np.testing.assert_allclose(
            np.array(affinities(ours)), np.array(affinities(theirs)), rtol=0, atol=CLOSE
        )


def test_drawn_samples_keep_their_labels(model: Path) -> None:
    found = scored(model, IMAGES, CLASSES, samples=40, seed=3)
    assert found.groups is not None
    assert sum(g.samples for g in found.groups.classes) == 40
    by_chance = [(CLASSES[:40] == code).sum() for code in range(3)]
    assert [g.samples for g in found.groups.classes] != by_chance


def test_a_class_of_one_sample_is_undefined_with_the_reason(model: Path) -> None:
    labels = CLASSES.copy()
    labels[5] = 9
    found = scored(model, IMAGES[:20], labels[:20], pool="positions")
    own = group(found, "9")
    assert own.samples == 1
    for site in own.sites:
        assert (site.status, site.affinity) == ("undefined", None)
        assert site.reason == "1 sample(s) of this class came to it; wanted at least 2"
    assert all(site.affinity is not None for site in group(found, "0").sites)
    assert found.of_class("9").summary["scored"] == 0


def test_a_bug_in_one_site_leaves_the_others(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from onnx_affscore import by_class

    score, calls = by_class.score_classes, []  # type: ignore[attr-defined]

    def broken(sample: Any, members: Any, **options: Any) -> Any:
        calls.append(sample)
        if len(calls) == 1:
            raise ZeroDivisionError("of all things")
        return score(sample, members, **options)

    monkeypatch.setattr(by_class, "score_classes", broken)
    found = scored(model, IMAGES, CLASSES, jobs=1)
    first, second = group(found, "0").sites
    assert first.status == "undefined"
    assert "of all things" in str(first.reason)
    assert second.affinity is not None
    assert found.sites[0].affinity is not None


def test_data_without_labels_are_refused_before_the_run(model: Path) -> None:
    with pytest.raises(DataError, match=r"--by label: arrays tells no classes.*--label"):
        signature(model, IMAGES, by="label")
    with pytest.raises(OptionError, match="no by 'colour'; wanted one of label"):
        signature(model, IMAGES, by="colour")


def test_a_signature_with_classes_is_written_and_read(found: Signature, tmp_path: Path) -> None:
    again = loads(dumps(found))
    assert again.groups == found.groups
    assert dumps(again) == dumps(found)
    found.to_json(tmp_path / "s.json")
    assert Signature.from_json(tmp_path / "s.json").of_class("2").values.tolist() == (
        found.of_class("2").values.tolist()
    )
    assert found.of_class(1) == found.of_class("1")
    with pytest.raises(DataError, match="no class 'cow'; the signature has 0, 1, 2"):
        again.of_class("cow")
    with pytest.raises(DataError, match=r"no scores by class.*--by label"):
        replace(found, groups=None).of_class("0")


def test_the_record_says_what_classes_were_scored_by(found: Signature) -> None:
    assert found.run["by"] == "label"
    assert options_of(found.run).by == "label"
