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
    n x n kernels where d is n or more.

    References
    ----------
    .. [1] S. Kornblith et al., "Similarity of neural network representations revisited",
       ICML 2019.
    """
    if sample.constant:
        return {"cka": sample.constant}
    if sample.wide:
        cross = float(np.vdot(*sample.kernels))
    else:
        cross = float(np.linalg.norm(sample.cross_covariance)) ** 2
    moments = sample.second_moments
    return {"cka": Reading(cross / math.sqrt(moments[0] * moments[1]))}
