"""A made-up signature with every hard case: each status and role, hostile and endless names."""

import math
from dataclasses import replace

import pytest

from onnx_affscore.records import (
    ActivationSite,
    ModelInfo,
    Role,
    ScoredSite,
    Signature,
    Skipped,
    Status,
)
from onnx_affscore.report.columns import ADEQUACY, SCORES

HOSTILE = 'evil\x1b[31m\x07\u202e"><script>alert(1)</script>\n=HYPERLINK("x")'
LONG = "encoder." + "layers.0.block." * 12 + "mlp.activation"


def _site(index: int, activation: str, role: Role, affinity: float) -> ScoredSite:
    spread = 0.01 + 0.02 * (index % 3)
    features = (16, 24, 40, 80, 112, 960)[index // 6]
    return ScoredSite(
        index=index,
        name=f"features.{index // 3}.block.{index % 3}.act",
        activation=activation,
        params={"alpha": 0.01} if activation == "LeakyRelu" else {},
        role=str(role),
        scope=f"features.{index // 3}",
        nodes=(f"/features/{index}/op_0", f"/features/{index}/op_1"),
        input=f"/features/{index}/in",
        output=f"/features/{index}/out",
        feature_axis=1,
        features=features,
        samples=2048,
        status=str(Status.OK),
        reason=None,
        scores={
            "affinity": affinity,
            "covariance": "empirical",
            "affinity_low": affinity - spread,
            "affinity_high": affinity + spread,
            "affinity_empirical": affinity,
            "affinity_ledoit_wolf": affinity - 0.01,
            "affinity_std": spread / 2,
            "affinity_corrected": affinity - 0.001,
            "cka": 0.9,
            "r2": 0.8,
            "sparsity_before": 0.0005,
            "sparsity_after": 0.5,
            "entropy_before": 4.98,
            "entropy_after": 4.19,
            "norm_diff": 45.297625,
            "r2_heldout": 0.79,
            "linearity": 0.85,
            "linearity_residual": 0.8,
            "cka_unbiased": 0.89,
            "cka_rbf": 0.91,
            "dead_share": 0.0625,
            "saturated_share": 0.5,
            "effective_rank_before": 12.3,
            "effective_rank_after": 14.5,
        },
        reasons={},
        rank={"input": features, "output": features, "noise_floor": 1.5e-06},
        transport={
            "solver": "identity",
            "certificate": "dual",
            "paired": True,
            "lower": affinity,
            "upper": affinity,
        },
        adequacy={
            "verdict": "adequate",
            "reason": None,
            "samples_per_feature": 2048 / features,
            "samples_per_direction": 2048 / features,
            "shrinkage_input": 0.02,
            "shrinkage_output": 0.03,
            "plan": "identity",
            "estimand": "population" if role == Role.GATE else "identity plan",
            "bias": 0.001,
            "ceiling": 0.99,
        },
        warnings=(),
    )


def _without_score(site: ScoredSite, status: Status, reason: str) -> ScoredSite:
    return replace(
        site,
        status=str(status),
        reason=reason,
        scores=dict.fromkeys(SCORES),
        rank=dict.fromkeys(site.rank),
        transport=dict.fromkeys(site.transport),
        adequacy=dict.fromkeys(ADEQUACY),
    )


def _without_interval(site: ScoredSite, verdict: str, reason: str) -> ScoredSite:
    missing = ("affinity_low", "affinity_high", "affinity_std")
    return replace(
        site,
        scores={**site.scores, **dict.fromkeys(missing)},
        reasons=dict.fromkeys(missing, reason),
        adequacy={**site.adequacy, "verdict": verdict, "reason": reason, "estimand": None},
    )


def _sites() -> tuple[ScoredSite, ...]:
    kinds = (
        ("Relu", Role.HIDDEN, 0.55),
        ("HardSigmoid", Role.GATE, 0.95),
        ("HardSwish", Role.HIDDEN, 0.7),
    )
    sites = []
    for index in range(32):
        activation, role, level = kinds[index % 3]
        wave = 0.12 * math.sin(index / 4)
        sites.append(_site(index, activation, role, level + wave if role == Role.HIDDEN else level))
    sites[0] = replace(sites[0], activation="LeakyRelu", params={"alpha": 0.01})
    sites[4] = _without_score(sites[4], Status.DEGENERATE, "the output is constant up to rounding")
    sites[8] = replace(sites[8], name=LONG, rank={**sites[8].rank, "output": 23})
    sites[9] = replace(sites[9], name=HOSTILE, input=HOSTILE, nodes=(HOSTILE,))
    sites[12] = _without_score(sites[12], Status.UNDEFINED, "infinity in 3 of 2048 rows")
    for index in (20, 23):
        attention = replace(sites[index], activation="Softmax", role=str(Role.ATTENTION))
        sites[index] = _without_score(attention, Status.UNSCORED, "role")
    for index in (6, 14, 15):
        reason = "the optimal plan still changes with n, and the score with it"
        sites[index] = _without_interval(sites[index], "moving plan", reason)
    for index, ratio in ((21, 9.1), (24, 8.6), (27, 2.2)):
        reason = f"2048 samples for rank {2048 / ratio:.0f}, {ratio} a direction; wanted 10"
        sites[index] = _without_interval(sites[index], "few samples", reason)
    sites[22] = _without_interval(sites[22], "few decide", "a few of the 2048 samples decide")
    sites[26] = replace(
        sites[26], activation="Tanh", role=str(Role.RECURRENT), name="層.再帰.活性化" * 5
    )
    for index in (27, 28, 30):
        warning = f"n = 2048 is less than 10 times the rank {900 + index}"
        sites[index] = replace(sites[index], warnings=(warning,))
    head = replace(sites[31], activation="Softmax", role=str(Role.HEAD), name="classifier.softmax")
    sites[31] = _without_score(head, Status.UNSCORED, "role")
    return tuple(sites)


@pytest.fixture(scope="session")
def signature() -> Signature:
    return Signature(
        schema_version="1.0",
        method_version="1",
        model=ModelInfo(
            path="models/mobilenet_v3.onnx",
            sha256="0123456789abcdef" * 4,
            producer="pytorch 2.9.0",
            opset={"ai.onnx": 17},
            ir_version=8,
            nodes=412,
            parameters=2_542_856,
        ),
        data={
            "source": "digits.npz",
            "synthetic": False,
            "samples": 2048,
            "sha256": "fedcba9876543210" * 4,
        },
        run={
            "device": "cpu",
            "providers": ["CPUExecutionProvider"],
            "batch_size": 256,
            "seed": 0,
            "pool": "mean",
            "covariance": "auto",
            "versions": {"onnx-affscore": "0.1.0", "onnxruntime": "1.31.1", "numpy": "2.4.6"},
            "seconds": {"inference": 3.25, "scoring": 1.5, "total": 5.0},
            "outputs_verified": True,
        },
        sites=_sites(),
        skipped=(
            Skipped("/features/1/Clip", "Clip", "bounds a value that quantisation made"),
            Skipped("/features/2/Clip", "Clip", "bounds a value that quantisation made"),
            Skipped("/mask/Where", "Where", "its branches come from two sources\x1b[2J"),
        ),
        warnings=("the last batch held 12 samples",),
    )


@pytest.fixture(scope="session")
def listed(signature: Signature) -> list[ActivationSite]:
    return [
        ActivationSite(
            index=site.index,
            name=site.name,
            activation=site.activation,
            params=site.params,
            role=Role(site.role),
            scope=site.scope,
            nodes=site.nodes,
            input=site.input,
            output=site.output,
            feature_axis=site.feature_axis,
            unscored="no sample axis" if site.index == 4 else None,
        )
        for site in signature.sites
    ]
