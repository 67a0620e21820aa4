"""Help of commands with many options: these stand under headings, by one table."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, final

import click

__all__ = ["SECTIONS", "Grouped"]

# heading: the parameters under it, in the order in which the help lists them
SECTIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Data": ("data", "samples", "seed", "label", "label_pattern", "stratify", "on_error"),
        "Tables": ("columns",),
        "Images": ("preset", "image_size", "channels"),
        "Sound": ("sample_rate", "window"),
        "Text": (
            "tokenizer", "max_length", "text_unit", "text_field", "pair_field", "target_field",
            "encoder",
        ),
        "Sites": (
            "roles", "include", "exclude", "operators", "probes", "composition",
            "composition_from",
        ),
        "Measurement": (
            "pool", "feature_axis", "covariance", "metrics", "by", "batches", "sparsity",
            "details", "verify",
        ),
        "Machine": (
            "device", "provider", "provider_options", "batch_size", "threads", "jobs", "cluster",
            "memory_limit", "resume", "custom_operators", "isolate", "max_seconds", "max_memory",
        ),
        "Files to write": (
            "output_dir", "json_file", "csv_file", "html_file", "plot_file", "histogram_file",
            "influence", "save_features",
        ),
        "Talk and exit code": ("strict", "quiet", "no_progress", "debug"),
    }
)  # fmt: skip
_LAST: Final = "Talk and exit code"
_COLUMN: Final = 28  # the width of names


@final
class Grouped(click.Command):
    """Lists its options under the headings of :data:`SECTIONS`.

    ``own`` are headings of this command alone, which come first and win.
    """

    def __init__(
        self, *args: Any, own: Mapping[str, Sequence[str]] = MappingProxyType({}), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.own = own

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, --help at the end, which click calls by several names."""
        records = {
            parameter.name: record
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option)
            and (record := parameter.get_help_record(ctx)) is not None
        }
        known = {name for names in (*self.own.values(), *SECTIONS.values()) for name in names}
        rest = [name for name in records if name not in known]
        for heading, names in {**self.own, **SECTIONS, _LAST: (*SECTIONS[_LAST], *rest)}.items():
            rows = [records.pop(name) for name in names if name in records]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows, col_max=_COLUMN)
