"""What the HTML report is made of besides the signature: style, script, the chart library."""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from string import Template

from onnx_affscore.report.marks import KINS

__all__ = ["SERIES", "UPLOT", "page", "script", "script_digest", "style"]

UPLOT = "1.6.32"
# The files of the script, in the order in which each may use what is above it.
_SCRIPT = (
    "base.js",
    "marks.js",
    "plot.js",
    "small_charts.js",
    "details.js",
    "tables.js",
    "start.js",
)

# Colours of several signatures on a light and on a dark ground; each has a contrast of 3 there.
SERIES = (
    ("#00569A", "#4DA9E0"),
    ("#C24E00", "#F0803C"),
    ("#127A5B", "#2FC79B"),
    ("#A34A8C", "#E29AC2"),
    ("#8A6500", "#F2B632"),
    ("#3A3A3A", "#B8B8B8"),
)


def _text(*path: str) -> str:
    return files(__package__).joinpath(*path).read_text(encoding="utf-8")


@cache
def page() -> Template:
    """Return the template of the page."""
    return Template(_text("page", "page.html"))


@cache
def style() -> str:
    """Return the style sheet: uPlot's, then the page's own with the colours of the marks."""
    kins = {f"--{name}": (kin.light, kin.dark) for name, kin in KINS.items()}
    series = {f"--series-{place}": pair for place, pair in enumerate(SERIES)}
    own = Template(_text("page", "page.css")).substitute(
        light=_variables(kins | series, 0),
        dark=_variables(kins | series, 1),
        kins="\n".join(f".k-{name} {{ color: var(--{name}); }}" for name in KINS),
    )
    return f"{_text('vendor', 'uplot', 'uPlot.min.css')}\n{own}"


def _variables(pairs: dict[str, tuple[str, str]], ground: int) -> str:
    return " ".join(f"{name}: {pair[ground]};" for name, pair in pairs.items())


@cache
def script() -> str:
    """Return the script: uPlot with its licence, then the page's own files as one function."""
    licence = _text("vendor", "uplot", "LICENSE").strip()
    # The banner is an address, and the page holds none; the licence says more than it.
    library = re.sub(r"^/\*!.*?\*/\s*", "", _text("vendor", "uplot", "uPlot.iife.min.js"))
    own = "\n".join(_text("page", name) for name in _SCRIPT)
    return f'/*! uPlot {UPLOT}\n{licence}\n*/\n{library}\n(() => {{\n"use strict";\n{own}\n}})();'


@cache
def script_digest() -> str:
    """Return what the page's policy names: no other script than this one may run."""
    digest = hashlib.sha256(script().encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
