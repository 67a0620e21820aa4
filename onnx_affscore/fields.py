"""The names under ``scores``, ``rank`` and ``transport`` of every site, in the contract's order."""

__all__ = ["ADEQUACY", "GROUP_SCORES", "NOT_ASKED", "RANKS", "SCORES", "TRANSPORT"]

SCORES = (
    "affinity",
    "covariance",
    "affinity_low",
    "affinity_high",
    "affinity_empirical",
    "affinity_ledoit_wolf",
    "affinity_std",
    "affinity_corrected",
    "cka",
    "r2",
    "sparsity_before",
    "sparsity_after",
    "entropy_before",
    "entropy_after",
    "norm_diff",
    "r2_heldout",
    "linearity",
    "linearity_residual",
    "cka_unbiased",
    "cka_rbf",
    "dead_share",
    "saturated_share",
    "effective_rank_before",
    "effective_rank_after",
)
# Scores of a class alone: the companions would take most of the time of as many classes.
GROUP_SCORES = ("affinity", "covariance", "affinity_low", "affinity_high", "affinity_std")
RANKS = ("input", "output", "noise_floor")
ADEQUACY = (
    "verdict",
    "reason",
    "samples_per_feature",
    "samples_per_direction",
    "shrinkage_input",
    "shrinkage_output",
    "plan",
    "estimand",
    "bias",
    "ceiling",
)
TRANSPORT = ("solver", "certificate", "paired", "lower", "upper")

NOT_ASKED = frozenset({"role", "not included", "excluded"})
"""Reasons of a site without a score that nobody asked to be scored."""
