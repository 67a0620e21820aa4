"""Checkpoints: their steps, their order, and the curves over them."""

import pytest

from onnx_affscore.statistics.summaries import STATISTICS
from onnx_affscore.statistics.training import in_order, step_numbers, training
from tests.statistics.makers import member


@pytest.mark.parametrize(
    ("labels", "steps"),
    [
        (["epoch_2", "epoch_10"], (2, 10)),
        (["net-step=100-loss0.5", "net-step=20-loss0.7"], (100, 20)),
        (["resnet50_1", "resnet50_2"], (1, 2)),
        (["Checkpoint 7", "ckpt.8"], (7, 8)),
        (["resnet50", "vgg50"], None),
        (["a1", "final"], None),
    ],
)
def test_steps_are_read_off_names(labels: list[str], steps: tuple[int, ...] | None) -> None:
    assert step_numbers(labels) == steps


def test_checkpoints_are_put_in_the_order_of_their_steps() -> None:
    names = ["e10", "e9", "e100"]
    assert in_order([member(name, [0.5]) for name in names]) == [1, 0, 2]
    assert in_order([member(name, [0.5]) for name in ("start", "end")]) == [0, 1]


def test_curves_follow_the_steps_and_have_gaps_where_a_site_is_missing() -> None:
    members = [member("e1", [0.2, 0.4]), member("e2", [0.6]), member("e3", [])]
    found = training(members)
    assert found.steps == (1, 2, 3)
    assert found.source == "the numbers in the names"
    assert list(found.statistics) == list(STATISTICS)
    assert found.statistics["max"] == (0.4, 0.6, None)
    assert found.sites == {"act.0": (0.2, 0.6, None), "act.1": (0.4, None, None)}


def test_without_numbers_the_order_given_counts() -> None:
    found = training([member("start", [0.2]), member("end", [0.6])])
    assert (found.steps, found.source) == ((0, 1), "the order given")
