"""The paper's story on the shipped networks: small, trained on digits, so alike in kind only."""

from typing import Final

from onnx_affscore.paper import zoo_parts as parts
from onnx_affscore.paper.outcome import Outcome
from onnx_affscore.paper.settings import Settings
from onnx_affscore.paper.zoo_networks import BATCH, arrays, listed, score

__all__ = ["perform"]

FEW: Final = ("sklearn_mlp", "torch_alexnet", "torch_vgg", "torch_resnet")  # with --quick
DRAWS: Final = 3


def perform(settings: Settings) -> Outcome:
    """Score the zoo, its copies with random weights, on other data, over seeds and training."""
    about = (
        "What the paper shows on ImageNet, on eleven small networks trained on handwritten digits: "
        "eras, skips, random weights, seeds, training time and data shift. Their numbers cannot "
        "be the published ones; each claim says whether it is seen here, and none counts as pass "
        "or fail."
    )
    found = Outcome(experiment="zoo", title="The paper's story on the zoo", about=about)
    networks = listed(settings.models)
    if not networks:
        needed = (
            f"{settings.manifest} is not there; give --models DIR, the folder models/ of a "
            "checkout of the repository",
        )
        return Outcome(experiment=found.experiment, title=found.title, about=about, missing=needed)
    series = {name: listed(settings.models / name) for name in ("seeds", "checkpoints")}
    every = networks | {n: net for many in series.values() for n, net in many.items()}
    inputs = arrays(settings, every)
    if settings.quick:
        networks = {n: net for n, net in networks.items() if n in FEW} or networks
    signatures = {
        name: score(net.file, inputs[net.input][:BATCH], companions=True)
        for name, net in networks.items()
    }
    draws = 1 if settings.quick else DRAWS
    made = [
        parts.eras(networks, signatures),
        parts.residual(signatures),
        parts.untrained(networks, signatures, inputs, draws=draws),
        parts.shift(networks, signatures, inputs),
        parts.correlations(signatures),
    ]
    missing = []
    for name, many in series.items():
        if not many:
            missing.append(f"{name}: {settings.models / name} has no manifest")
            continue
        rows = inputs[next(iter(many.values())).input][:BATCH]
        made.append(
            parts.seeds(many, signatures, rows)
            if name == "seeds"
            else parts.checkpoints(many, rows)
        )
    return Outcome(
        experiment=found.experiment,
        title=found.title,
        about=about,
        claims=tuple(claim for part in made for claim in part.claims),
        tables=tuple(table for part in made for table in part.tables),
        figures=tuple(figure for part in made for figure in part.figures),
        notes=(
            f"{BATCH} samples, as many as the paper's batch; empirical covariances, no ridge.",
            "Random networks keep the architecture: weights are drawn anew with He's variance. In "
            "most files the exporter has folded BatchNorm into the convolutions, and the random "
            "network has none; where it is left, it has the statistics of a network that has seen "
            "no data.",
            *(["--quick: four networks, one draw of random weights."] if settings.quick else []),
        ),
        missing=tuple(missing),
    )
