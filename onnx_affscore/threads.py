"""Several sites scored at once: each job's BLAS gets its share of the cores, and no more."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

__all__ = ["automatic_jobs", "cores", "shared_cores"]

# Each job holds one site's features and a few matrices as large: more of them than this would
# take memory that nobody asked for.
_MOST_JOBS = 8


def cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def automatic_jobs(sites: int) -> int:
    """Return how many of so many sites to score at a time: one a core.

    One thread a site is faster than several for one: much of a score does not share well.
    """
    return max(1, min(cores(), sites, _MOST_JOBS))


@contextmanager
def shared_cores(jobs: int) -> Iterator[int]:
    """Hold every BLAS to ``max(1, cores // jobs)`` threads while ``jobs`` threads use it.

    The limit is that of the process, since OpenBLAS has one pool of threads, so one thread enters
    the context around all jobs; it is taken back at the end. A lower limit that is there already,
    such as that of ``OPENBLAS_NUM_THREADS``, stays. Results depend on the number of threads of
    the BLAS to rounding, and on the number of jobs not at all where that number is the same.

    Parameters
    ----------
    jobs : int
        Threads that score sites at the same time, at least 1.

    Yields
    ------
    int
        Threads that each BLAS call may use at most.

    Examples
    --------
    >>> with shared_cores(10**6) as threads:
    ...     threads
    1
    """
    share = max(1, cores() // jobs)
    libraries = ThreadpoolController().select(user_api="blas")
    limits = {found["filepath"]: min(share, found["num_threads"]) for found in libraries.info()}
    with libraries.limit(limits=limits):
        yield share
