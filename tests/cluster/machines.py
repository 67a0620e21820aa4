"""A cluster of real processes on this machine: a scheduler and workers that can be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from distributed import Client

__all__ = ["Machines"]

SECONDS = 60  # to start; a worker takes two or three on an idle machine


class Machines:
    """A scheduler, and as many workers of one thread as are started.

    A task that more than ``allowed_failures`` workers died of is not tried again.
    """

    def __init__(self, folder: Path, *, workers: int, allowed_failures: int = 3) -> None:
        self._folder, self._file = folder, folder / "scheduler.json"
        self._log = (folder / "log").open("wb")
        allowed = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(allowed_failures)}
        self._environment = os.environ | allowed
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("scheduler", "--port", "0")
        deadline = time.monotonic() + SECONDS
        while not self._file.exists() or not self._file.read_text():
            assert time.monotonic() < deadline, "the scheduler does not start"
            time.sleep(0.05)
        self.address: str = json.loads(self._file.read_text())["address"]
        for _ in range(workers):
            self.add_worker()
        if workers:
            self.wait(workers)

    def __enter__(self) -> "Machines":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        self._log.close()

    def add_worker(self) -> None:
        """Start a worker, and nothing that would start it again."""
        arguments = ["--nthreads", "1", "--no-nanny", "--memory-limit", "0"]
        arguments += ["--local-directory", str(self._folder)]
        self.workers.append(self._start("worker", *arguments))

    def wait(self, workers: int) -> None:
        """Return once so many workers are there."""
        with Client(self.address, timeout=SECONDS, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=SECONDS)

    def kill_worker(self, number: int) -> None:
        """End a worker as lack of memory or a power cut does."""
        os.kill(self.workers[number].pid, signal.SIGKILL)
        self.workers[number].wait()

    def tasks(self) -> int:
        """Return how many tasks and values the scheduler still knows."""
        with Client(self.address, timeout=SECONDS, set_as_default=False) as client:
            left: int = client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
            return left

    def _start(self, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", what, "--scheduler-file", str(self._file)]
        command += ["--no-dashboard", "--host", "127.0.0.1", *arguments]
        return subprocess.Popen(command, stdout=self._log, stderr=self._log, env=self._environment)
