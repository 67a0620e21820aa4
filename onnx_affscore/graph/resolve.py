"""From what the graph says and what a probe run showed to the layout of every tensor of a site."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

from onnx_affscore.graph.layout import default_feature_axis, feature_axis, sample_axis
from onnx_affscore.graph.locate import Located
from onnx_affscore.graph.pooling import reference_axes
from onnx_affscore.graph.search import NORMALISING
from onnx_affscore.graph.token_weights import masked
from onnx_affscore.records import ActivationSite, ProbedTensor, Role, TensorLayout, TokenMask

__all__ = ["Resolved", "resolve"]


@final
@dataclass(frozen=True, slots=True)
class Resolved:
    """The sites with their axes as they run, and the layout of each tensor that is tapped."""

    sites: tuple[ActivationSite, ...]
    layouts: Mapping[str, TensorLayout]


def resolve(
    located: Located,
    probed: Mapping[str, ProbedTensor],
    *,
    batched: bool,
    forced_feature_axis: int | None = None,
    masks: Sequence[TokenMask] = (),
    dependents: Mapping[str, frozenset[str]] | None = None,
    pool: str = "mean",
) -> Resolved:
    """Settle the axes of every site's tensors.

    ``batched`` says that the model was run with two batch sizes: then the axis that grew with the
    batch is the sample axis, whatever the graph says. ``forced_feature_axis`` is the user's
    choice; ``masks`` restrict means over their tokens to the real ones, where ``dependents`` says
    that a tensor depends on these tokens. A site whose tensors do not count samples becomes
    unscored, with the reason; so does a probe whose ends give tables of
    different shapes under ``pool``. Probes come last: they read a tensor as activations do.
    """
    layouts: dict[str, TensorLayout] = {}
    sites = []
    for site in sorted(located.sites, key=lambda s: s.role is Role.PROBE):
        if site.input in located.derived:
            layouts |= {
                name: TensorLayout(located.derived[name].dtype, 3, 0, 2)
                for name in (site.input, site.output)
                if site.unscored is None
            }
            sites.append(site)
            continue
        x, y = (
            probed.get(name) or _from_graph(name, located, batched)
            for name in (site.input, site.output)
        )
        reason = site.unscored or _unusable(x) or _unusable(y)
        if reason is None and x is not None and y is not None:
            if site.role is Role.PROBE:
                lx, ly = (
                    _of_end(site, name, tensor, located, batched, forced_feature_axis, layouts)
                    for name, tensor in ((site.input, x), (site.output, y))
                )
                reason = _uncounted(x, lx) or _uncounted(y, ly) or _unpaired(x, lx, y, ly, pool)
            else:
                ly = _layout(site, site.output, y, located, batched, forced_feature_axis)
                lx = _layout(site, site.input, x, located, batched, forced_feature_axis, like=ly)
                reason = _mismatch(x, lx, y, ly) or _conflict(site, lx, ly, layouts)
            if reason is None:
                known = dependents or {}
                layouts[site.output] = masked(site.output, ly, y, masks, known)
                layouts[site.input] = masked(site.input, lx, x, masks, known)
            site = replace(  # noqa: PLW2901 - the settled version of the same site
                site, feature_axis=ly.feature_axis, sample_axis=ly.sample_axis
            )
        sites.append(replace(site, unscored=reason))
    return Resolved(tuple(sorted(sites, key=lambda s: s.index)), layouts)


def _unusable(tensor: ProbedTensor | None) -> str | None:
    if tensor is None:
        return "the data did not reach it: its branch or loop did not run"
    if tensor.dtype not in ("float16", "float32", "float64", "bfloat16"):
        return f"the tensor holds {tensor.dtype}, not floating-point numbers"
    if tensor.stacked and 0 in tensor.shape[: tensor.stacked]:
        return "the data did not reach it: its loop made no turn"
    if 0 in tensor.shape:
        return f"the tensor is empty, its shape is {list(tensor.shape)}"
    return None


def _from_graph(name: str, located: Located, batched: bool) -> ProbedTensor | None:
    """What inference knows of a tensor in a branch that the probe did not take."""
    place, letters = located.places.get(name), located.letters.get(name)
    if not batched or place is None or letters is None or sample_axis(letters) is None:
        return None
    ones = (1,) * len(letters)
    larger = tuple(2 if letter == "N" else 1 for letter in letters)
    loops = (1,) * place.loops
    return ProbedTensor(place.dtype, loops + ones, 1, loops + larger, stacked=place.loops)


def _conflict(
    site: ActivationSite, lx: TensorLayout, ly: TensorLayout, taken: Mapping[str, TensorLayout]
) -> str | None:
    """A tensor is tapped once: two sites cannot read it along different axes."""
    for name, layout in ((site.input, lx), (site.output, ly)):
        before = taken.get(name)
        if before is not None and replace(before, mask=None, tokens=1) != layout:
            return f"{name!r} is already read along feature axis {taken[name].feature_axis}"
    return None


def _layout(
    site: ActivationSite,
    name: str,
    tensor: ProbedTensor,
    located: Located,
    batched: bool,
    forced: int | None,
    like: TensorLayout | None = None,
) -> TensorLayout:
    rank, within = len(tensor.shape), len(tensor.shape) - tensor.stacked
    said = site.feature_axis
    if said is not None and said >= within:
        said = None  # the file's word on the rank does not hold for the data
    letters = located.letters.get(name)
    if letters is not None:
        letters = "S" * tensor.stacked + letters
    known = letters if letters is not None and len(letters) == rank else None
    if forced is not None and -rank <= forced < rank:
        feature: int | None = forced % rank
    elif site.activation in NORMALISING and said is not None:
        feature = said + tensor.stacked
    elif feature_axis(known) is not None:
        feature = feature_axis(known)
    elif like is not None and like.rank == rank:
        feature = like.feature_axis
    else:
        guess = said if said is not None else default_feature_axis(within)
        feature = None if guess is None else guess + tensor.stacked
    sample = _sample(tensor, known, batched)
    if feature == sample:
        feature = None
    return TensorLayout(tensor.dtype, rank, sample, feature, tensor.stacked)


def _sample(tensor: ProbedTensor, letters: str | None, batched: bool) -> int | None:
    if not tensor.shape:
        return None
    said = sample_axis(letters)
    if not batched:
        return None if tensor.samples == 1 else (said if said is not None else 0)
    grown = [
        axis
        for axis, (one, many) in enumerate(zip(tensor.shape, tensor.larger or (), strict=False))
        if one * tensor.growth == many
    ]
    if said in grown or not grown:
        return said if said in grown else None
    return grown[0]


def _of_end(
    site: ActivationSite,
    name: str,
    tensor: ProbedTensor,
    located: Located,
    batched: bool,
    forced: int | None,
    taken: Mapping[str, TensorLayout],
) -> TensorLayout:
    """Return the layout of one end of a probe: its own, whatever that of the other end is.

    A tensor that an activation has too is read as there: it is tapped once.
    """
    if name in taken:
        return replace(taken[name], mask=None, tokens=1)
    own = site if name == site.output else replace(site, feature_axis=None)
    return _layout(own, name, tensor, located, batched, forced)


def _uncounted(tensor: ProbedTensor, layout: TensorLayout) -> str | None:
    if layout.sample_axis is None and (tensor.larger is not None or tensor.samples != 1):
        shapes = " and ".join(str(list(s)) for s in (tensor.shape, tensor.larger) if s is not None)
        return f"no axis of the tensor counts samples: {shapes} for one batch and for two"
    return None


def _unpaired(
    x: ProbedTensor, lx: TensorLayout, y: ProbedTensor, ly: TensorLayout, pool: str
) -> str | None:
    """Return why the tables of two tensors have no common shape, None where they have one."""
    for what, before, after in zip(
        ("rows", "positions of a sample", "features"),
        _table(x, lx, pool),
        _table(y, ly, pool),
        strict=True,
    ):
        if before != after:
            return f"{before} {what} before, {after} behind"
    return None


def _table(tensor: ProbedTensor, layout: TensorLayout, pool: str) -> tuple[int, int, int]:
    """Rows, the positions of a sample that are rows of their own, and columns of a tensor's table.

    Rows are counted where they need not be the samples.
    """
    columns = _columns(tensor, layout)
    positions = math.prod(tensor.shape) // (columns * tensor.samples)
    if pool == "reference":
        left = [d for axis, d in enumerate(tensor.shape) if axis not in reference_axes(layout)]
        return math.prod(left[:1]), 1, math.prod(left[1:])
    if pool == "flatten":
        return 1, 1, columns * positions
    return 1, positions if pool == "positions" else 1, columns


def _mismatch(x: ProbedTensor, lx: TensorLayout, y: ProbedTensor, ly: TensorLayout) -> str | None:
    reason = _uncounted(x, lx) or _uncounted(y, ly)
    if reason is not None:
        return reason
    before, after = _columns(x, lx), _columns(y, ly)
    if before != after:
        return f"{before} features before the activation, {after} behind it"
    return None


def _columns(tensor: ProbedTensor, layout: TensorLayout) -> int:
    return 1 if layout.feature_axis is None else tensor.shape[layout.feature_axis]
