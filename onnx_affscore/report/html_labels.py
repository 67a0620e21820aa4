"""What scores are called on the page where their name in the file does not do."""

from collections.abc import Mapping

__all__ = ["LABELS"]

LABELS: Mapping[str, str] = {
    "affinity": "affinity",
    "affinity_low": "95 % interval",
    "affinity_empirical": "empirical",
    "affinity_ledoit_wolf": "Ledoit-Wolf",
    "affinity_std": "std. error",
    "affinity_corrected": "corrected",
    "cka": "CKA",
    "r2": "R²",
    "norm_diff": "‖X − Y‖",
    "r2_heldout": "R² held out",
    "linearity_residual": "linearity of Y − X",
    "cka_unbiased": "CKA unbiased",
    "cka_rbf": "CKA RBF",
    "dead_share": "dead",
    "saturated_share": "saturated",
}
