"""What every sample contributes to an affinity score, and what reweighting the samples does to it.

The first gives the standard error of a score, the second its bias.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self, final

import numpy as np
from scipy import linalg

from onnx_affscore.records import FloatArray
from onnx_affscore.score.costs import squares
from onnx_affscore.score.estimate import Estimate
from onnx_affscore.score.factor import svd
from onnx_affscore.score.gaussian import aligned
from onnx_affscore.score.lazy import lazy
from onnx_affscore.score.transport import Transport

__all__ = ["Linearised"]

LEVERAGE: Final = 0.5
"""Leverage beyond which an influence is enlarged no further: where a sample holds a direction
nearly alone, taking it out moves the score by some 1.5 times its influence."""


@final
@dataclass(frozen=True)
class Linearised:
    r"""A score's dependence on the samples, in coordinates in which T_aff is diagonal.

    With roots of the empirical covariances, ``Xc = Wx Rx`` and ``Yc = Wy Ry`` with white Wx and
    Wy, and the thin decomposition ``Rx Ryᵀ = U Θ Vᵀ``, the rows ``a = Wx U`` and ``b = Wy V`` are
    white too, the least-squares fit of Yc by b is ``b G`` with ``G = Vᵀ Ry``, and

    .. math:: T_{\mathrm{aff}} X = a\, G .

    ``a``, ``b``: (n, k), k being the smaller rank. ``theta``: (k,). ``image`` is G, (k, m), and
    ``rows`` are Yc, (n, m), both in units in which the trace of the covariance of Y is 1;
    ``output_rank`` is that of Y.
    """

    a: FloatArray
    b: FloatArray
    theta: FloatArray
    image: FloatArray
    rows: FloatArray
    output_rank: int

    @classmethod
    def of(cls, x: Estimate, y: Estimate) -> Self | None:
        """Return the coordinates of two empirical estimates.

        None where a direction of one side is at right angles to all of the other's range: there
        the map is not differentiable.
        """
        parts = aligned(x, y)
        if parts is None:
            return None
        left, theta, right = parts
        unit = math.sqrt(y.trace)
        return cls(
            x.roots.whitened @ left,
            y.roots.whitened @ right.T,
            theta,
            image=right @ y.roots.root / unit,
            rows=y.centred / unit,
            output_rank=len(y.roots.root),
        )

    @lazy
    def residual(self) -> FloatArray:
        """What of the rows of Y no affine map of ``b`` gives, (n, m); zero where k is Y's rank."""
        return self.rows - self.b @ self.image

    def influence(self, plan: Transport) -> FloatArray:
        r"""Influence of every sample on ``q = W₂²/(2 Tr Σy)``, (n,), of mean zero.

        It is the derivative of q towards the distribution that is one sample alone, so that the
        variance of q is that of the influence over n [1]_. For the plan σ it is

        .. math::

            \psi_i = \tfrac12 \bigl(f_i + g_i - W_2^2 + b_i^\top K b_i - a_i^\top K a_i
                + 2\, b_i^\top F e_i \bigr) - q\,(\lvert y_i \rvert^2 - 1)

        in units of ``Tr Σy = 1``, with the dual potentials f, g of the optimal plan (their sum is
        the derivative for a fixed map [2]_, ``|t_i - y_i|²`` where row i is paired with row i),
        ``F = E[a (t - y_σ)ᵀ]``, ``e`` the :attr:`residual`, and, for the derivative of the map,

        .. math::

            K = \tfrac12 (H + H^\top)
                + \tfrac12\,\frac{\theta_j - \theta_k}{\theta_j + \theta_k} (H - H^\top)_{jk},
            \qquad H = F G^\top .

        The second term of K is the derivative of the polar factor of ``Rx Ryᵀ``, by Sylvester's
        equation for a diagonal matrix.

        Influences are enlarged by ``1/(1 - h_i)`` with the leverages ``h = |a|²/n``, at most
        :data:`LEVERAGE`, as the map is fitted to each sample, to outlying ones most (for
        regression: [3]_, HC3).

        References
        ----------
        .. [1] F. R. Hampel, "The influence curve and its role in robust estimation", JASA 1974.
        .. [2] E. del Barrio, J.-M. Loubes, "Central limit theorems for empirical transportation
           cost in general dimension", Annals of Probability 47, 2019.
        .. [3] J. G. MacKinnon, H. White, "Some heteroskedasticity-consistent covariance matrix
           estimators with improved finite sample properties", Journal of Econometrics 1985.
        """
        n = len(self.a)
        misses = self.a @ self.image - self.rows[plan.columns]
        product = self.a.T @ misses / n
        outer = product @ self.image.T
        sums = self.theta[:, None] + self.theta
        turn = np.divide(
            self.theta[:, None] - self.theta, sums, out=np.zeros_like(sums), where=sums > 0.0
        )
        kernel = (outer + outer.T + turn * (outer - outer.T)) / 2.0
        potentials = plan.costs + plan.prices[plan.columns] - plan.prices
        found = potentials - plan.cost + _form(self.b, kernel) - _form(self.a, kernel)
        if len(self.theta) < self.output_rank:
            found += 2.0 * np.einsum("ij,ij->i", self.b @ product, self.residual)
        found = found / 2.0 - plan.cost / 2.0 * (squares(self.rows) - 1.0)
        found /= 1.0 - np.minimum(squares(self.a) / n, LEVERAGE)
        return np.asarray(found - found.mean())

    def bias(self, signs: FloatArray, *, step: float, at: float) -> float:
        r"""Second difference of q where row i is paired with row i, for one draw of weights.

        .. math::

            \frac{1}{\varepsilon^2} \Bigl( \tfrac12 \bigl[ q(1 + \varepsilon g)
                + q(1 - \varepsilon g) \bigr] - q(1) \Bigr)

        Its mean over independent signs g is the bias of q to the second order:
        ``E[q''(δ_i, δ_i)] / 2n``. ``signs``: (n,), of 1 and -1; ``at``: q(1).
        """
        sums = _Sums.of(self, signs)
        ends = (self._q(sums, step), self._q(sums, -step))
        return (sum(ends) / 2.0 - at) / step**2

    def reweighted(self, weights: FloatArray) -> float:
        """Return q for other weights of the samples, (n,), where row i is paired with row i."""
        return self._q(_Sums.of(self, weights - 1.0), 1.0)

    def _q(self, sums: "_Sums", step: float) -> float:
        r"""Q for the weights ``1 + step · g`` of the samples.

        With Cholesky factors of the weighted covariances, ``Σa = Laᵀ La`` and ``Σb = Lbᵀ Lb``, the
        product of the roots becomes ``La Θ Lbᵀ``, and with its polar factor Π

        .. math::

            q = \tfrac{1}{2V} \bigl(V + \lVert B \rVert^2 - 2 \operatorname{Tr} (\Pi B)^\top C
                \bigr), \quad B = L_b^{-\top} E[b\, y^\top], \quad C = L_a^{-\top} E[a\, y^\top],

        V being the weighted trace of the covariance of Y.
        """
        a, b, rows = sums.means(step)
        root_a = linalg.cholesky(sums.moment("aa", step) - np.outer(a, a), check_finite=False)
        root_b = linalg.cholesky(sums.moment("bb", step) - np.outer(b, b), check_finite=False)
        fit = _solved(root_b, sums.moment("by", step) - np.outer(b, rows))
        seen = _solved(root_a, sums.moment("ay", step) - np.outer(a, rows))
        left, _, right = svd((root_a * self.theta) @ root_b.T)
        spread = float(sums.moment("yy", step)) - float(rows @ rows)
        explained, matched = float(np.sum(fit**2)), float(np.sum((left @ right @ fit) * seen))
        return (spread + explained - 2.0 * matched) / (2.0 * spread)


@final
@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums over the samples that moments with the weights ``1 + step · g`` are made of.

    By pair of rows: the plain sum, and that with the weights g.
    """

    total: tuple[float, float]
    plain: Mapping[str, FloatArray]
    weighted: Mapping[str, FloatArray]

    @classmethod
    def of(cls, found: Linearised, g: FloatArray) -> Self:
        sides = {"a": found.a, "b": found.b, "y": found.rows}
        tilted = {name: g[:, None] * side for name, side in sides.items() if name != "y"}
        squared = squares(found.rows)
        weighted = {pair: tilted[pair[0]].T @ sides[pair[1]] for pair in ("aa", "bb", "by", "ay")}
        weighted |= {name: g @ side for name, side in sides.items()}
        weighted["yy"] = np.asarray(g @ squared)
        n, k = found.a.shape
        plain = {"aa": n * np.eye(k), "bb": n * np.eye(k), "by": n * found.image}
        plain["ay"] = found.a.T @ found.rows
        plain |= {name: np.zeros(side.shape[1]) for name, side in sides.items()}
        plain["yy"] = np.asarray(squared.sum())
        return cls((float(n), float(g.sum())), plain, weighted)

    def moment(self, name: str, step: float) -> FloatArray:
        """A weighted mean of products."""
        total = self.total[0] + step * self.total[1]
        return np.asarray((self.plain[name] + step * self.weighted[name]) / total)

    def means(self, step: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The weighted means of a, b and y, which are 0 without weights."""
        a, b, y = (self.moment(name, step) for name in "aby")
        return a, b, y


def _form(rows: FloatArray, kernel: FloatArray) -> FloatArray:
    """The quadratic form of every row."""
    return np.asarray(np.einsum("ij,ij->i", rows @ kernel, rows))


def _solved(root: FloatArray, right: FloatArray) -> FloatArray:
    """``R⁻ᵀ`` times a matrix, for a triangle R."""
    return np.asarray(linalg.solve_triangular(root, right, trans="T", check_finite=False))
