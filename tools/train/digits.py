"""Writes models/digits.npz: scikit-learn's handwritten digits with a seeded stratified split."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tools.export.manifest import MODELS, Data, record_table

SEED = 0
TEST_IMAGES = 500
BRIGHTEST = 16.0  # the set counts inked pixels in 4x4 blocks, so a value runs from 0 to 16
ORIGIN = (
    "Optical Recognition of Handwritten Digits (its test part, 1,797 images of 8x8), "
    "E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998, doi:10.24432/C50P49, "
    "as shipped by scikit-learn's load_digits; licence CC BY 4.0; "
    "changed: values divided by 16, a train/test split added"
)
LICENCE = "CC-BY-4.0"


def main() -> None:
    """Load, scale, split and save the digits, and note them in the manifest."""
    digits = load_digits()
    label = digits.target.astype(np.int64)
    pixels = (digits.data / BRIGHTEST).astype(np.float32)
    _, test = train_test_split(
        np.arange(len(label)), test_size=TEST_IMAGES, stratify=label, random_state=SEED
    )
    split = np.zeros(len(label), dtype=np.int8)
    split[test] = 1
    file = MODELS / "digits.npz"
    np.savez_compressed(
        file,
        image=pixels.reshape(-1, 1, 8, 8),
        image_nhwc=pixels.reshape(-1, 8, 8, 1),
        pixels=pixels,
        label=label,
        split=split,
        origin=np.array(ORIGIN),
    )
    record_table("data", Data(file=file.name, licence=LICENCE, origin=ORIGIN, seed=SEED))


if __name__ == "__main__":
    main()
