"""Measure estimators on distributions whose score is known, and write the tables into the pages.

ONE table of studies: a name, the module whose ``text`` returns its Markdown.
"""

import argparse
import importlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

__all__ = ["STUDIES", "main"]

STUDIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "coverage": ("tools.simulation.coverage", "uncertainty.md"),
        "estimators": ("tools.simulation.estimators_table", "estimators.md"),
    }
)
"""Name to module and page below docs/."""

DOCS = Path(__file__).parents[2] / "docs"


def replace_block(file: Path, name: str, text: str) -> None:
    """Put text between the comments ``<!-- simulate:name -->`` and ``<!-- /simulate:name -->``."""
    begin, end = f"<!-- simulate:{name} -->", f"<!-- /simulate:{name} -->"
    page = file.read_text("utf-8")
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"{file} has no {begin} ... {end}; put both comments where it belongs")
    block = f"{begin}\n{text}\n{end}"
    file.write_text(pattern.sub(lambda _: block, page, count=1), "utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Run the study that the command line names."""
    parser = argparse.ArgumentParser(prog="tools/simulate", description=__doc__)
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--quick", action="store_true", help="few rounds: a look, no evidence")
    parser.add_argument("--write", action="store_true", help="into the study's page in docs/")
    options = parser.parse_args(arguments)
    module, page = STUDIES[options.study]
    text = importlib.import_module(module).text(quick=options.quick)
    print(text)
    if options.write:
        replace_block(DOCS / page, options.study, text)


if __name__ == "__main__":
    main(sys.argv[1:])
