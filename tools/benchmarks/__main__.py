"""Measure what the project claims about speed and memory, and write it into the pages.

ONE table of benchmarks: a name, the module whose ``run`` returns its rows.
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Mapping
from datetime import date

from tools.benchmarks.exports import EXPORTS, ROOT
from tools.benchmarks.machine import conditions
from tools.benchmarks.rows import Row, Settings
from tools.benchmarks.table import replace_block, replace_lines, summary, table

__all__ = ["BENCHMARKS", "load", "main"]

BENCHMARKS: Mapping[str, str] = {
    "inference": "tools.benchmarks.inference",
    "scoring": "tools.benchmarks.scoring",
    "transport": "tools.benchmarks.transport",
    "endtoend": "tools.benchmarks.endtoend",
    "memory": "tools.benchmarks.memory",
    "startup": "tools.benchmarks.startup",
    "cluster": "tools.benchmarks.cluster",
}
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"


def load(module: str) -> Callable[[Settings], list[Row]]:
    """Return the function that measures; a benchmark that is not wanted imports nothing."""
    run: Callable[[Settings], list[Row]] = importlib.import_module(module).run
    return run


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmarks that the command line names, or all of them."""
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="may be repeated")
    parser.add_argument("--quick", action="store_true", help="few rounds: a look, no evidence")
    parser.add_argument(
        "--models",
        default="",
        help=f"comma-separated files or exports ({', '.join(EXPORTS)}); default: the benchmark's",
    )
    parser.add_argument("--rounds", type=int, help="repetitions of everything timed")
    parser.add_argument("--device", default="cpu", help="cpu or cuda, for inference")
    parser.add_argument(
        "--write", action="store_true", help="into docs/benchmarks.md and README.md"
    )
    options = parser.parse_args(arguments)
    settings = Settings(
        quick=options.quick,
        models=tuple(filter(None, options.models.split(","))),
        rounds=options.rounds,
        device=options.device,
    )
    for name in options.only or BENCHMARKS:
        before = conditions()
        rows = load(BENCHMARKS[name])(settings)
        text = f"{date.today()}, {before}\n\n{table(rows)}"
        print(f"\n{name}: {text}\n", flush=True)
        if options.write:
            replace_block(PAGE, name, text)
            if lines := summary(name, rows):
                replace_lines(README, name, lines)


if __name__ == "__main__":
    main(sys.argv[1:])
