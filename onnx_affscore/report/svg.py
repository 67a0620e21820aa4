"""The signature as an inline SVG drawing: affinity over depth, coloured by the page's style."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from onnx_affscore.records import Role, ScoredSite, Signature, Status
from onnx_affscore.report.marks import is_filled, mark
from onnx_affscore.report.names import printable
from onnx_affscore.report.notes import activation_label, lacking, number

__all__ = ["SHAPES", "marker", "ring", "signature_svg"]

WIDTH, HEIGHT = 960, 400
LEFT, RIGHT, TOP, BOTTOM = 58, 78, 14, 66
_TRUNK = (Role.HIDDEN, Role.RECURRENT)

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Axes:
    """Place of the n-th site and of an affinity on the drawing."""

    sites: int
    low: float
    high: float

    def x(self, position: int) -> float:
        inner = WIDTH - LEFT - RIGHT - 24
        share = position / (self.sites - 1) if self.sites > 1 else 0.5
        return LEFT + 12 + inner * share

    def y(self, value: float) -> float:
        inner = HEIGHT - TOP - BOTTOM
        return TOP + inner * (self.high - value) / (self.high - self.low)


def signature_svg(signature: Signature) -> str:
    """Draw every site of a signature; those without a score are crosses below the axis."""
    sites = signature.sites
    bounds = [0.0, 1.0, *(site.affinity for site in sites if site.affinity is not None)]
    low, high = (math.floor(min(bounds) * 10) / 10, math.ceil(max(bounds) * 10) / 10)
    axes = _Axes(len(sites), low, high)
    radius = min(6.0, max(2.5, 260 / max(len(sites), 1)))
    parts = [
        *_grid(axes, sites),
        *_mean(axes, signature.summary["mean"]),
        *_trunk(axes, sites),
        *(_site(axes, position, site, radius) for position, site in enumerate(sites)),
    ]
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="Affinity score of every activation, in execution order">\n'
        + "\n".join(parts)
        + "\n</svg>"
    )


def marker(activation: str, *, filled: bool, at: Point = (0.0, 0.0), radius: float = 6.0) -> str:
    """Draw the mark of an activation."""
    look = mark(activation)
    style = f'class="k-{look.kin} {"full" if filled else "hollow"}"'
    if look.shape == "o":
        return f'<circle {style} cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:.1f}"/>'
    corners = " ".join(
        f"{at[0] + radius * x:.1f},{at[1] - radius * y:.1f}" for x, y in SHAPES[look.shape]
    )
    return f'<polygon {style} points="{corners}"/>'


def _grid(axes: _Axes, sites: Sequence[ScoredSite]) -> Iterator[str]:
    left, right, bottom = LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM
    step = _step(axes.high - axes.low, 8, smallest=0.2)
    for tick in range(math.ceil(axes.low / step - 1e-9), math.floor(axes.high / step + 1e-9) + 1):
        y = axes.y(tick * step)
        yield f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{tick * step:.1f}</text>'
    every = int(_step(len(sites), 12, smallest=1))
    for position in range(0, len(sites), every):
        x, index = axes.x(position), sites[position].index
        yield f'<text x="{x:.1f}" y="{bottom + 36}" text-anchor="middle">{index}</text>'
    centre = (left + right) / 2
    yield (
        f'<text x="{centre:.0f}" y="{HEIGHT - 10}" text-anchor="middle">'
        "activation, in execution order</text>"
    )
    middle = (TOP + bottom) / 2
    yield (
        f'<text transform="translate(16 {middle:.0f}) rotate(-90)" text-anchor="middle">'
        "affinity score (1 = affine)</text>"
    )


def _step(length: float, most: int, *, smallest: float) -> float:
    """Return the first of 1, 2, 5, 10, 20, ... times ``smallest`` that needs few steps."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            step = smallest * factor * power
            if length / step <= most:
                return step
        power *= 10


def _mean(axes: _Axes, mean: float | None) -> Iterator[str]:
    if mean is not None:
        y, right = axes.y(mean), WIDTH - RIGHT
        yield f'<line class="mean" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{right + 6}" y="{y + 4:.1f}">mean {mean:.2f}</text>'


def _trunk(axes: _Axes, sites: Sequence[ScoredSite]) -> Iterator[str]:
    points = [
        f"{axes.x(position):.1f},{axes.y(site.affinity):.1f}"
        for position, site in enumerate(sites)
        if site.affinity is not None and site.role in _TRUNK
    ]
    if len(points) > 1:
        yield f'<polyline class="trunk" points="{" ".join(points)}"/>'


def _site(axes: _Axes, position: int, site: ScoredSite, radius: float) -> str:
    x = axes.x(position)
    label = f"{site.index}  {printable(site.name)}\n{activation_label(site)}, {site.role}\n"
    if site.affinity is None or site.status != Status.OK:
        label += printable(f"{site.status}: {site.reason}")
        drawn = _cross(x, HEIGHT - BOTTOM + 14, min(radius, 4.5))
    else:
        label += f"affinity {number(site.affinity)}{_known(site)}"
        at = (x, axes.y(site.affinity))
        drawn = _interval(axes, x, site)
        drawn += marker(site.activation, filled=is_filled(site), at=at, radius=radius)
        if lacking(site):
            drawn += ring(at, radius + 3.5)
    return f"<g><title>{escape(label)}</title>{drawn}</g>"


def ring(at: Point = (0.0, 0.0), radius: float = 6.0) -> str:
    """Draw what surrounds the mark of a score that has no interval."""
    return f'<circle class="ring" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:.1f}"/>'


def _cross(x: float, y: float, arm: float) -> str:
    span = f"{2 * arm:.1f}"
    start = f"M{x - arm:.1f} {y - arm:.1f}"
    return f'<path class="cross" d="{start}l{span} {span}m0 -{span}l-{span} {span}"/>'


def _known(site: ScoredSite) -> str:
    """Say in the label of a mark how far the score is known."""
    low, high = (site.scores.get(name) for name in ("affinity_low", "affinity_high"))
    if isinstance(low, float) and isinstance(high, float):
        return f", 95 % interval {number(low)} to {number(high)}"
    judged = lacking(site)
    return "" if judged is None else f", no interval: {judged}"


def _interval(axes: _Axes, x: float, site: ScoredSite) -> str:
    low, high = (site.scores.get(name) for name in ("affinity_low", "affinity_high"))
    if not (isinstance(low, float) and isinstance(high, float)):
        return ""
    ends = (axes.y(max(low, axes.low)), axes.y(min(high, axes.high)))
    return (
        f'<line class="interval" x1="{x:.1f}" x2="{x:.1f}" y1="{ends[0]:.1f}" y2="{ends[1]:.1f}"/>'
    )


def _ring(corners: int, *, turn: float = 0.0, radius: float = 1.0) -> list[Point]:
    angles = [math.tau * (k / corners + 0.25) + turn for k in range(corners)]
    return [(radius * math.cos(angle), radius * math.sin(angle)) for angle in angles]


def _star() -> list[Point]:
    outer = _ring(5, radius=1.25)
    inner = _ring(5, turn=math.pi / 5, radius=0.5)
    return [point for pair in zip(outer, inner, strict=True) for point in pair]


def _plus() -> list[Point]:
    arm, half = 1.1, 0.42
    quarter = [complex(half, half), complex(half, arm), complex(-half, arm)]
    corners = [1j**k * corner for k in range(4) for corner in quarter]
    return [(corner.real, corner.imag) for corner in corners]


def _triangle(turn: float) -> list[Point]:
    return _ring(3, turn=turn, radius=1.15)


SHAPES: Mapping[str, Sequence[Point]] = {
    "s": _ring(4, turn=math.pi / 4, radius=1.2),
    "D": _ring(4, radius=1.2),
    "^": _triangle(0.0),
    "<": _triangle(math.pi / 2),
    "v": _triangle(math.pi),
    ">": _triangle(-math.pi / 2),
    "p": _ring(5, radius=1.1),
    "h": _ring(6, radius=1.1),
    "*": _star(),
    "P": _plus(),
    "d": [(0.7 * x, 1.1 * y) for x, y in _ring(4, radius=1.2)],
}
