"""Linear centred kernel alignment between the features before and after."""

import math
from collections.abc import Mapping

import numpy as np

from onnx_affscore.records import Reading
from onnx_affscore.score.moments import Prepared

__all__ = ["linear_cka"]


def linear_cka(sample: Prepared) -> Mapping[str, Reading]:
    r"""Linear CKA with the biased HSIC estimate [1]_.

    .. math::

        \frac{\lVert Y_c^\top X_c \rVert_F^2}
             {\lVert X_c^\top X_c \rVert_F \, \lVert Y_c^\top Y_c \rVert_F}

    1 if and only if Y is a rotated and scaled X. Where a side is constant up to its rounding the
    quotient is 0/0 and its status degenerate. The cross term is the sum of products of the two
    n x n kernels where d exceeds n.

    References
    ----------
    .. [1] S. Kornblith et al., "Similarity of neural network representations revisited",
       ICML 2019.
    """
    if sample.constant:
        return {"cka": sample.constant}
    x, y = sample.coordinates
    if x.shape[1] <= sample.n:
        cross = float(np.linalg.norm(y.T @ x)) ** 2
    else:
        kernel_x, kernel_y = sample.grams
        cross = float(np.vdot(kernel_x, kernel_y))
    moments = sample.second_moments
    return {"cka": Reading(cross / sample.n**2 / math.sqrt(moments[0] * moments[1]))}
