"""A process that holds one variant ready and runs one pass over the data whenever it is told to.

It writes lines of JSON: first what setting up took, then one for each line on stdin.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

from tools.benchmarks.inputs import noise
from tools.benchmarks.machine import available_memory, peak_memory
from tools.benchmarks.variants import VARIANTS, run_all

# A variant that wants more of the memory that is free meets its own limit, not the system's.
_SHARE_OF_MEMORY = 0.7


def main() -> None:
    """Set up the variant that the command line names, then answer every line on stdin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--variant", choices=VARIANTS, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--shape", type=int, nargs="+", required=True, help="of all the data")
    options = parser.parse_args()
    available = available_memory()
    if options.device == "cpu" and available is not None:
        limit = int(_SHARE_OF_MEMORY * available)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))
    try:
        _serve(options)
    except Exception as exc:  # noqa: BLE001 - whatever stops a variant is told to the parent
        _tell(error=f"{type(exc).__name__}: {' '.join(str(exc).split())[:200]}")


def _serve(options: argparse.Namespace) -> None:
    data = noise(tuple(options.shape))
    idle = peak_memory()
    start = time.perf_counter()
    runner = VARIANTS[options.variant].open(options.file, data, options.batch_size, options.device)
    setup = time.perf_counter() - start
    _tell(setup=setup, batch_size=runner.batch_size, idle=idle, setup_peak=peak_memory())
    for _ in sys.stdin:
        start = time.perf_counter()
        run_all(runner, data)
        _tell(seconds=time.perf_counter() - start, peak=peak_memory())


def _tell(**values: float | str) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    main()
