"""A source of made-up rows: row i depends on the seed, the input and i, never on the batch."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from hashlib import sha256
from itertools import islice
from math import prod
from typing import final

import numpy as np

from onnx_affscore.data.columns import Column, ColumnSource, fixed_batch, whole_feeds
from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.shapes import Assignment, shape_candidates
from onnx_affscore.data.values import Recipe, recipe
from onnx_affscore.errors import DataError, RunError
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import Array, Batch, InputHint, Labels

__all__ = ["DEFAULT_SAMPLES", "DISTRIBUTIONS", "RandomSource", "first_that_runs"]

DEFAULT_SAMPLES = 2048
DISTRIBUTIONS = ("normal", "uniform")

# Numbers drawn at once: enough to make a generator's start-up cheap, and 256 KiB of float32.
BLOCK_ELEMENTS = 2**16
# Of one feed, 4 GiB of float32: a file that declares more means something else, or means harm.
MOST_ELEMENTS = 2**30


@final
@dataclass(frozen=True, kw_only=True)
class RandomSource:
    """Values made up for a model's inputs, next to columns that were given for some of them.

    ``assignment`` holds the shapes, None takes the most plausible ones; :meth:`variants` yields
    the others. ``distribution`` is ``normal`` or ``uniform`` in [0, 1), of all floats or by input.
    ``known`` are sizes of symbols that the given columns settle, ``rows`` the rows of them to
    read, ``labels``, ``skip`` and ``warnings`` as of :class:`ColumnSource`. The number of samples
    is theirs, else ``samples`` in whole feeds where the model fixes the batch, else 1 where
    nothing differs between samples.
    """

    hints: tuple[InputHint, ...]
    assignment: Assignment | None = None
    distribution: str | Mapping[str, str] = "normal"
    samples: int = DEFAULT_SAMPLES
    seed: int = 0
    name: str = "synthetic"
    given: Mapping[str, Column] = field(default_factory=dict)
    known: Mapping[str, int] = field(default_factory=dict)
    rows: Rows | None = None
    remarks: tuple[str, ...] = ()
    labels: Labels | None = None
    skip: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def synthetic(self) -> bool:
        """Whether some input that differs between samples was made up."""
        return not self.given or any(
            made.random and hint.sample_axis is not None for hint, made in self._recipes
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each input that was made up, and those of the given columns."""
        return self._source.notes

    @property
    def count(self) -> int:
        """Number of samples."""
        return self._source.count

    @property
    def skipped(self) -> Mapping[int, str]:
        """Rows of the given columns that could not be read."""
        return self._source.skipped

    def leave_out(self, rows: Mapping[int, str]) -> None:
        """Add rows to ``skipped`` that an earlier start could not read."""
        self._source.leave_out(rows)

    def batches(self, size: int, *, start: int = 0) -> Iterator[Batch]:
        """Yield feeds of ``size`` samples, of one each where no input has a sample axis.

        The first ``start`` feeds are not made.
        """
        return self._source.batches(size, start=start)

    def variants(self) -> Iterator["RandomSource"]:
        """The same source with each guess of the open sizes in turn, most plausible first."""
        for guess in shape_candidates(self._made, known=self.known):
            yield replace(self, assignment=guess)

    @cached_property
    def _made(self) -> tuple[InputHint, ...]:
        asked = () if isinstance(self.distribution, str) else self.distribution
        return tuple(
            replace(h, optional=False)
            for h in self.hints
            if h.spec.name not in self.given and (h.spec.name in asked or not h.optional)
        )

    @cached_property
    def _guess(self) -> Assignment:
        return self.assignment or next(shape_candidates(self._made, known=self.known))

    @cached_property
    def _recipes(self) -> tuple[tuple[InputHint, Recipe], ...]:
        kinds = self.distribution
        return tuple(
            (h, recipe(h, self._guess, distribution=_kind_for(h.spec.name, kinds)))
            for h in self._made
        )

    @cached_property
    def _source(self) -> ColumnSource:
        batched = any(h.sample_axis is not None for h in self.hints if not h.optional)
        varied = any(made.random for _hint, made in self._recipes)
        made = {
            hint.spec.name: _column(hint, how, self._guess, seed=self.seed, alone=not batched)
            for hint, how in self._recipes
        }
        return ColumnSource(
            {**self.given, **made},
            name=self.name,
            count=whole_feeds(self.samples, batch=fixed_batch(self.hints)) if varied else 1,
            batched=batched,
            rows=self.rows,
            notes=self.remarks,
            labels=self.labels,
            skip=self.skip,
        )


def first_that_runs(
    source: DataSource, probe: Callable[[Batch], object], *, tries: int = 12
) -> DataSource:
    """``source``, or the first of its variants whose first feed ``probe`` takes.

    Only made-up values have variants. ``probe`` runs the model and raises RunError where the
    feed does not suit it.

    Raises
    ------
    DataError
        None of ``tries`` variants runs: what was tried, and why the first one failed.
    RunError
        There is only one variant, and it does not run: the sizes are not the reason.
    """
    if not isinstance(source, RandomSource):
        return source
    tried: list[str] = []
    reason: RunError | None = None
    size = fixed_batch(source.hints) or 1
    for variant in islice(source.variants(), tries):
        batch = next(variant.batches(size), None)
        if batch is None:
            raise DataError(
                f"{source.name}: an input is declared with a batch of {size}, of which nothing can"
                " be made up; give real data with --data"
            )
        try:
            probe(batch)
        except RunError as exc:
            tried.append(str(variant.assignment))
            reason = reason or exc
        else:
            return variant
    if reason is None or len(tried) == 1:
        raise reason or DataError(f"{source.name}: found no guess at the sizes of the inputs")
    raise DataError(
        f"found no sizes of the inputs that the model takes: tried {'; '.join(tried)}. The first "
        f"failed with: {reason}. Give real data with --data"
    ) from reason


def _kind_for(name: str, kinds: str | Mapping[str, str]) -> str:
    return kinds if isinstance(kinds, str) else kinds.get(name, DISTRIBUTIONS[0])


def _column(hint: InputHint, made: Recipe, guess: Assignment, *, seed: int, alone: bool) -> Column:
    """Rows of one input, drawn in blocks that each have a generator of their own.

    ``alone``: the model counts no samples at all, so that an input without sample axis gets new
    values in each feed.
    """
    name, axis = hint.spec.name, hint.sample_axis
    shape = guess.shapes[name]
    if prod(shape) > MOST_ELEMENTS:
        raise DataError(
            f"input '{name}' is declared with the shape {shape}, too large to make values up for;"
            f" give data for it: --data {name}=FILE"
        )
    row = shape if axis is None else (*shape[:axis], *shape[axis + 1 :])
    height = min(max(BLOCK_ELEMENTS // max(prod(row), 1), 1), 1024)

    @lru_cache(maxsize=2)
    def block(number: int) -> Array:
        digest = sha256(f"{seed}/{name}/{number}".encode()).digest()
        return made.draw(np.random.default_rng(list(digest)), (height, *row))

    def take(rows: Rows) -> Array:
        if axis is None:
            index = int(rows[0]) if alone else 0
            return np.asarray(block(index // height)[index % height])
        numbers = rows // height
        parts = [block(int(n))[rows[numbers == n] % height] for n in np.unique(numbers)]
        return np.ascontiguousarray(np.moveaxis(np.concatenate(parts), 0, axis))

    sizes = ["n" if i == axis else str(d) for i, d in enumerate(shape)]
    tuple_ = f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
    return Column(shape, None, take, (f"{name}: {hint.spec.dtype} {tuple_}, {made.words}",))
