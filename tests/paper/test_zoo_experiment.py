"""The paper's story on shipped networks, and our signatures beside published ones."""

from pathlib import Path

import numpy as np
import pytest

from onnx_affscore.errors import DataError
from onnx_affscore.paper import Outcome, Verdict, run

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("onnx_affscore.paper.zoo.FEW", ("sklearn_mlp", "torch_alexnet", "torch_vgg"))
        return run("zoo", quick=True)


def table(outcome: Outcome, start: str) -> list[tuple[object, ...]]:
    (found,) = [t for t in outcome.tables if t.title.startswith(start)]
    return [tuple(row) for row in found.rows]


def test_every_story_is_told(outcome: Outcome) -> None:
    assert outcome.verdict is Verdict.SHOWN
    assert outcome.missing == ()
    starts = ("Eras", "Trained against", "Data shift: DTW", "Other metrics", "Seeds", "Checkpoints")
    for start in starts:
        assert table(outcome, start)
    assert {figure.kind for figure in outcome.figures} == {"dendrogram", "heat_map", "curves"}


def test_other_digits_are_nearer_than_noise(outcome: Outcome) -> None:
    for _, digits, _, shuffled, noise in table(outcome, "Data shift: DTW"):
        assert isinstance(digits, float)
        assert digits < shuffled  # type: ignore[operator]
        assert digits < noise  # type: ignore[operator]


def test_seeds_are_nearer_to_one_another_than_to_other_networks(outcome: Outcome) -> None:
    (claim,) = [c for c in outcome.claims if "seed" in c.sentence]
    assert claim.holds
    assert len(table(outcome, "Seeds")) == 5


def test_checkpoints_are_in_order(outcome: Outcome) -> None:
    assert [row[0] for row in table(outcome, "Checkpoints")] == [1, 2, 4, 8, 30, 100]


def test_data_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", image=np.zeros((4, 1, 8, 8)))
    with pytest.raises(DataError, match=r"wanted an \.npz file with image, image_nhwc, pixels"):
        run("zoo", data=str(tmp_path / "other.npz"))


def test_a_network_of_the_user_is_shown_beside_the_published_signature(tmp_path: Path) -> None:
    """Our small AlexNet has the sites of AlexNet, and not its scores: the checks must fail."""
    with np.load(MODELS / "digits.npz") as data:
        np.save(tmp_path / "images.npy", data["image"][:1024])
    outcome = run(
        "signatures",
        imagenet=str(tmp_path / "images.npy"),
        networks={"alexnet": MODELS / "torch_alexnet.onnx"},
        batches=2,
    )
    assert outcome.missing == ()
    ours = [found for found in outcome.checks if found.name.startswith("alexnet, site")]
    assert len(ours) == 7
    assert outcome.verdict is Verdict.FAIL
    assert table(outcome, "alexnet: ours and published")[0][4] == 0.489
