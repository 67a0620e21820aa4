"""Signatures for people and machines: every format is one file here and one row of ``FORMATS``.

A renderer takes a :class:`~onnx_affscore.records.Signature` and returns the text or the bytes of
a file; :func:`~onnx_affscore.report.files.write` puts it in place. Names in a signature come from
untrusted model files, and every renderer makes them harmless for its medium.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from onnx_affscore import plugins
from onnx_affscore.records import Signature
from onnx_affscore.report.files import write
from onnx_affscore.report.html import to_html
from onnx_affscore.report.markdown import to_markdown
from onnx_affscore.report.model_explorer import to_model_explorer
from onnx_affscore.report.netron import to_netron
from onnx_affscore.report.plot import save_plot, to_image
from onnx_affscore.report.signature_json import dumps, load, loads, sites_to_dict, to_dict
from onnx_affscore.report.table_csv import to_csv
from onnx_affscore.report.text import sites_text, to_text

__all__ = [
    "FORMATS",
    "Format",
    "added_formats",
    "dumps",
    "load",
    "loads",
    "save_plot",
    "sites_text",
    "sites_to_dict",
    "to_csv",
    "to_dict",
    "to_html",
    "to_image",
    "to_text",
    "write",
]


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: its suffix, what makes it, and a line of help."""

    suffix: str
    render: Callable[[Signature], str | bytes]
    description: str


FORMATS: Mapping[str, Format] = {
    "json": Format(".json", dumps, "everything, for programs; can be read back"),
    "csv": Format(".csv", to_csv, "one row per activation, for spreadsheets"),
    "text": Format(".txt", to_text, "the table of the terminal"),
    "html": Format(".html", to_html, "a self-contained page: plot, table, details"),
    "markdown": Format(".md", to_markdown, "figures, notes and table, for a pull request"),
    "png": Format(".png", partial(to_image, suffix=".png"), "the plot, as pixels"),
    "svg": Format(".svg", partial(to_image, suffix=".svg"), "the plot, as vectors"),
    "pdf": Format(".pdf", partial(to_image, suffix=".pdf"), "the plot, for print"),
    "netron": Format(".netron.json", to_netron, "scores in Netron: drop it onto the open model"),
    "model-explorer": Format(
        ".model-explorer.json", to_model_explorer, "colours in Model Explorer, as node data"
    ),
}


def added_formats() -> plugins.Plugins[Format]:
    """The formats of other installed packages, by the names of their entry points."""
    return plugins.load(plugins.FORMATS, Format, builtin=FORMATS)
