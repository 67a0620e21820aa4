"""From what the user gave, a specification or arrays, to a data source for the model."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import Any, TypeAlias

import numpy as np

from onnx_affscore.data.arrays import the_input
from onnx_affscore.data.columns import Column, ColumnSource, fixed_batch, whole_feeds
from onnx_affscore.data.companions import companions
from onnx_affscore.data.drawing import Rows, kept_rows
from onnx_affscore.data.fit import check_complete, find_input, fit_array
from onnx_affscore.data.labelling import given_labels
from onnx_affscore.data.opening import Feeds, Made, Request, Table, Tokens
from onnx_affscore.data.sharing import SharedData
from onnx_affscore.data.spec import is_random, open_spec, split_name
from onnx_affscore.data.stdin import STDIN
from onnx_affscore.data.stream import FeedSource
from onnx_affscore.data.synthetic import DEFAULT_SAMPLES, RandomSource
from onnx_affscore.data.vocabulary import within_table
from onnx_affscore.errors import DataError, OptionError
from onnx_affscore.feeding import Feeding
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import Array, InputHint, Labels

__all__ = ["Data", "open_source"]

Data: TypeAlias = (
    str
    | PathLike[str]
    | Sequence[str]
    | Mapping[str, Array]
    | Array
    | Iterable[Mapping[str, Array]]
    | None
)

_IN_MEMORY = "arrays"
_STREAM = "feeds"
# What is said of the data and only some kinds of data have a use for.
_HEEDED = (
    {
        "columns": "tables",
        "label_pattern": "folders of files",
        "sample_rate": "sound",
        "window": "sound",
    }
    | dict.fromkeys(("tokenizer", "max_length"), "text that is fed as token ids")
    | {
        "text_unit": "files of text alone (.txt)",
        "text_field": "JSON lines and columns of text",
        "pair_field": "JSON lines and columns of text that are fed as token ids",
        "target_field": "JSON lines and columns of text for a model with an input for targets",
    }
    | dict.fromkeys(("preset", "image_size", "channels"), "images")
)


def open_source(
    data: Data,
    hints: Sequence[InputHint],
    *,
    samples: int | None = None,
    seed: int = 0,
    feeding: Feeding | None = None,
    elsewhere: Collection[str] = (),
    shared: SharedData | None = None,
) -> DataSource:
    """Open the data for a model.

    Parameters
    ----------
    data
        Specifications as on the command line (``"x.npz"``, ``["a=x.npy", "b=random"]``), an array
        for a single input, arrays by input name, or an iterable of feeds. None and an empty
        sequence make up synthetic values.
    hints
        The model's inputs.
    samples
        Rows to use; where there are more, so many are drawn without replacement and kept in
        order. A stream is read up to there. Rounded to whole feeds where the model fixes the
        batch. None takes all, and 2048 where values are made up.
    seed
        Of the drawing and of made-up values.
    feeding
        What is known of the data besides: labels, what to do with rows that cannot be read.
    elsewhere
        Inputs that get their values from elsewhere.
    shared
        What was read for other models, and is read for this one.

    Raises
    ------
    DataError
        The data cannot be read, or does not suit the inputs.
    """
    if samples is not None and samples < 1:
        raise OptionError(f"found {samples} samples; give 1 or more")
    parts = _Parts(
        tuple(hints),
        samples=samples,
        seed=seed,
        feeding=feeding or Feeding(),
        elsewhere=frozenset(elsewhere),
        shared=shared,
    )
    source = _opened(data, parts)
    said = parts.feeding
    if said.label is not None and source.labels is None:
        raise DataError(
            f"--label {said.label}: found no such labels in {source.name}; name an array of an"
            " .npz file, a column of a table or a field of JSON lines"
        )
    for name, what in _HEEDED.items():
        if getattr(said, name) != getattr(Feeding(), name) and name not in parts.heeded:
            option = f"--{name.replace('_', '-')}"
            raise DataError(f"{option} is for {what}, and {source.name} is none; leave it out")
    if said.stratify and source.labels is None:
        raise DataError(f"--stratify: {source.name} tells no classes; name its labels with --label")
    return source


def _opened(data: Data, parts: "_Parts") -> DataSource:
    if data is None:
        return parts.made_up("synthetic")
    if isinstance(data, (str, PathLike)):
        return _from_specs([fspath(data)], parts)
    if isinstance(data, Mapping):
        return _from_arrays(data, parts)
    if isinstance(data, np.ndarray) or hasattr(data, "__array__"):
        hint = the_input(parts.hints, where=_IN_MEMORY)
        return _from_arrays({hint.spec.name: data}, parts)
    if isinstance(data, Sequence):
        texts = [d for d in data if isinstance(d, str)]
        if len(texts) == len(data):
            return _from_specs(texts, parts) if texts else parts.made_up("synthetic")
    if isinstance(data, Iterable):
        feeds = data if parts.shared is None else parts.shared.feeds(data)
        return parts.stream(feeds, name=_STREAM)
    raise DataError(
        f"found data of type {type(data).__name__}; give a file name, an array, a mapping of "
        f"input names to arrays, or an iterable of such mappings"
    )


@dataclass
class _Parts:
    """What several specifications of one call add up to."""

    hints: tuple[InputHint, ...]
    samples: int | None
    seed: int
    feeding: Feeding = field(default_factory=Feeding)
    elsewhere: frozenset[str] = frozenset()
    shared: SharedData | None = None
    labels: Labels | None = None
    columns: dict[str, Column] = field(default_factory=dict)
    random: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    tokens: dict[str, Tokens] = field(default_factory=dict)
    settle: list[Callable[[Rows | None], Table]] = field(default_factory=list)
    heeded: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    def add(self, table: Table) -> None:
        """Take in what a specification opened."""
        self.columns |= table.columns
        self.notes += table.notes
        self.labels = self.labels or table.labels
        self.heeded |= table.heeded
        self.warnings += table.warnings
        self.tokens |= {t.name: t for t in table.tokens}
        if table.settle is not None:
            self.settle.append(table.settle)

    @property
    def whole(self) -> int | None:
        """The rows to use, in whole feeds; None for all."""
        batch = fixed_batch(self.hints)
        return None if self.samples is None else whole_feeds(self.samples, batch=batch)

    @property
    def free(self) -> tuple[InputHint, ...]:
        """The inputs that nothing feeds yet."""
        fed = {*self.columns, *self.random, *self.elsewhere}
        return tuple(h for h in self.hints if h.spec.name not in fed)

    def table(self, name: str) -> DataSource:
        """The columns gathered, sub-sampled, with values made up for the inputs that ask for it."""
        counts = {c.count for c in self.columns.values() if c.count is not None}
        rows: Rows | None = None
        drawing: tuple[str, ...] = ()
        if len(counts) == 1 and self.whole is not None:
            total = counts.pop()
            strata = self.labels if self.feeding.stratify else None
            rows = kept_rows(total, samples=self.whole, seed=self.seed, strata=strata)
            if rows is not None:
                drawn = f"{len(rows)} of {total} samples, drawn with seed {self.seed}"
                drawn += "" if strata is None else " by class"
                drawing = (f"{name}: {drawn}, in their order",)
        for settle in self.settle:
            self.add(settle(rows))
        self.add(self._companions())
        check_complete({*self.columns, *self.random, *self.elsewhere}, self.hints, where=name)
        hints = {h.spec.name: h for h in self.hints}
        self.columns = {n: within_table(c, hints[n]) for n, c in self.columns.items()}
        notes = (*self.notes, *drawing)
        if not self.random:
            source = ColumnSource(
                self.columns,
                name=name,
                batched=any(h.sample_axis is not None for h in self.hints if not h.optional),
                rows=rows,
                notes=notes,
                labels=self.labels,
                skip=self.feeding.on_error == "skip",
            )
            source.warnings = self.warnings
            source.pads = {t.name: t.pad for t in self.tokens.values() if t.pad is not None}
            return source
        return RandomSource(
            hints=self.hints,
            distribution=self.random,
            samples=self.samples or DEFAULT_SAMPLES,
            seed=self.seed,
            name=name,
            given=self.columns,
            known=self._known(),
            rows=rows,
            remarks=notes,
            labels=self.labels,
            skip=self.feeding.on_error == "skip",
            warnings=self.warnings,
        )

    def _companions(self) -> Table:
        """What goes with token ids, and is not given."""
        made, notes = companions(
            self.hints, self.columns, self.tokens, leave={*self.random, *self.elsewhere}
        )
        return Table(made, notes)

    def made_up(self, name: str) -> DataSource:
        """Synthetic values for all inputs."""
        return RandomSource(
            hints=self.hints, samples=self.samples or DEFAULT_SAMPLES, seed=self.seed, name=name
        )

    def stream(
        self, feeds: Iterable[Any], *, name: str, labels: Labels | None = None
    ) -> DataSource:
        """A stream of feeds for all inputs."""
        if self.feeding.stratify:
            raise DataError(f"--stratify: {name} is read in its order, and no samples are drawn")
        return FeedSource(feeds, self.hints, name=name, samples=self.whole, labels=labels)

    def _known(self) -> Mapping[str, int]:
        """The sizes of symbols that the columns settle."""
        specs = {h.spec.name: (h.spec.shape, h.sample_axis) for h in self.hints}
        sizes = {}
        for name, column in self.columns.items():
            shape, axis = specs[name]
            for i, dim in enumerate(shape or ()):
                if isinstance(dim, str) and i != axis:
                    sizes[dim] = column.shape[i]
        return sizes


def _from_arrays(data: Mapping[str, object], parts: _Parts) -> DataSource:
    names = {h.spec.name for h in parts.hints}
    for name, value in data.items():
        if name == parts.feeding.label and name not in names:
            parts.labels = given_labels(value, where=f"array '{name}'")
            continue
        hint = find_input(name, parts.hints, where=_IN_MEMORY)
        parts.columns[name] = fit_array(value, hint, where=f"array '{name}'")
    return parts.table(_IN_MEMORY)


def _turn(part: tuple[InputHint | None, str]) -> tuple[bool, bool]:
    """Those with a name first, and what can fill any input last."""
    hint, text = part
    return hint is None, is_random(text)


def _from_specs(texts: Sequence[str], parts: _Parts) -> DataSource:
    """Open the named specifications first, so that the others serve the remaining inputs."""
    split = [split_name(text, parts.hints) for text in texts]
    name = ", ".join(texts)
    if [text for _hint, text in split].count(STDIN) > 1:
        raise DataError(f"--data {name}: standard input can be read once; send one .npz file")
    named = Counter(hint.spec.name for hint, _text in split if hint is not None)
    twice = [n for n, times in named.items() if times > 1]
    if twice:
        raise DataError(f"--data {name}: input '{twice[0]}' is given twice; give it once")
    for hint, text in sorted(split, key=_turn):
        free = parts.free if hint is None else (hint,)
        request = Request(text, free, parts.feeding, parts.hints, parts.whole)
        opened = open_spec(request) if parts.shared is None else parts.shared.open(request)
        if isinstance(opened, Table):
            parts.add(opened)
        elif isinstance(opened, Made):
            wanted = (
                request.hints
                if hint is not None
                else tuple(h for h in request.hints if not h.optional)
            )
            parts.random |= {h.spec.name: opened.distribution for h in wanted}
        elif isinstance(opened, Feeds) and len(texts) == 1 and hint is None:
            return parts.stream(opened.feeds, name=name, labels=opened.labels)
        else:
            raise DataError(
                f"--data {text}: it feeds all inputs at once; give it alone, without the name"
                " of an input"
            )
    return parts.table(name)
