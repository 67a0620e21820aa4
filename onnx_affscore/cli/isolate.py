"""``--isolate``: the command runs in a child process, whose death is an error like any other.

ONNX Runtime is native code: a model that makes it crash would take this program along. The
child has the same arguments, streams and exit code; its limits are those of the system.
"""

import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from types import FrameType
from typing import Any, Final, final

import click

from onnx_affscore.cli.child import is_child
from onnx_affscore.cli.codes import BY_SIGNAL, INTERRUPTED
from onnx_affscore.cli.interrupts import as_usual
from onnx_affscore.cli.shared import byte_size, together
from onnx_affscore.cli.talk import say
from onnx_affscore.errors import AffscoreError, OptionError

__all__ = ["isolatable"]

_GRACE: Final = 5.0
"""Seconds that a child has to end by itself after Ctrl-C."""

_DIED: Final = {
    "SIGSEGV": "touched memory that is not its own",
    "SIGBUS": "touched memory that is not there, as where a mapped file was cut short",
    "SIGABRT": "gave up, as native code does where an invariant fails or memory runs out",
    "SIGFPE": "divided by zero",
    "SIGILL": "met an instruction that this processor lacks",
    "SIGKILL": "was killed from outside, as the system does where memory runs out",
}

_LEFT: Final = "which a library it loads chose, as OpenBLAS does where memory runs out"
_LEAST_MEMORY: Final = 500_000_000
"""Below it SciPy's OpenBLAS tries again and again to get memory, and hears no signal."""

_KEPT: Final = "files that were finished before are whole, no half file was left under its name"
_LARGEST_CODE: Final = 255  # Windows tells of a crash by a larger one
_BY_SIGNALS: Final = (INTERRUPTED, BY_SIGNAL + signal.SIGTERM)
"""What a child ends with that was told to, at once: it tells nobody."""

_START: Final = (
    "import sys; sys.path[:] = {path!r}; "
    "from onnx_affscore.cli.child import inside; inside(*{given!r}, running={running!r})"
)

_LIMITS: Final = together(
    click.option(
        "--isolate",
        is_flag=True,
        help="Run in a child process: a crash of the runtime becomes exit code 3.",
    ),
    click.option(
        "--max-seconds",
        type=click.FloatRange(0, min_open=True),
        metavar="N",
        help="End the child after so many seconds; implies --isolate.",
    ),
    click.option(
        "--max-memory",
        metavar="SIZE",
        callback=byte_size,
        help="Memory that the child may take, such as 4GB (Linux); implies --isolate.",
    ),
)


def isolatable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--isolate`` and its limits to a command that reads a model."""

    @wraps(function)
    def command(
        *given: Any,
        isolate: bool,
        max_seconds: float | None,
        max_memory: int | None,
        **options: Any,
    ) -> Any:
        if max_seconds is not None and not math.isfinite(max_seconds):
            raise OptionError(f"--max-seconds {max_seconds}: wanted a number of seconds")
        if is_child() or not (isolate or max_seconds or max_memory):
            return function(*given, **options)
        arguments: list[str] = click.get_current_context().find_root().obj or sys.argv[1:]
        return _outside(arguments, seconds=max_seconds, memory=max_memory)

    return _LIMITS(command)


def _outside(arguments: list[str], *, seconds: float | None, memory: int | None) -> int:
    """Run the command line in a child and return its exit code; 3 where it dies or is ended."""
    from onnx_affscore.byte_sizes import in_words
    from onnx_affscore.leaving import TemporaryFolder

    if memory is not None and sys.platform != "linux":
        raise OptionError(
            f"--max-memory: {sys.platform} cannot limit a process's memory; wanted Linux: leave it"
            " out, --max-seconds works everywhere"
        )
    if memory is not None and memory < _LEAST_MEMORY:
        raise OptionError(
            f"--max-memory {in_words(memory)}: wanted at least {in_words(_LEAST_MEMORY)}, of which"
            " the libraries take some 300 MB before a model is read"
        )
    with as_usual(), _passing_on() as ending, TemporaryFolder() as place:
        running = place / "running"
        running.touch()
        # What a child that dies leaves lying about goes with its folder.
        own = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(place))
        start = _START.format(path=sys.path, given=(memory, arguments), running=str(running))
        child = subprocess.Popen([sys.executable, "-P", "-c", start], env=os.environ | own)
        ending.started(child)
        code = _waited(child, arguments, seconds)
        if ending.signal is not None:
            code = BY_SIGNAL + ending.signal
        if code in _BY_SIGNALS or (code >= 0 and not running.exists()):
            return code
    raise AffscoreError(_death(code, arguments, memory))


def _waited(child: "subprocess.Popen[bytes]", arguments: list[str], seconds: float | None) -> int:
    """Return the exit code of the child, whatever happens to this process meanwhile."""
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        raise AffscoreError(
            f"'{_words(arguments)}' was ended after {seconds:g} s (--max-seconds); {_KEPT};"
            " give it more time, or fewer --samples"
        ) from None
    except KeyboardInterrupt:
        _interrupted(child)
        if child.returncode != INTERRUPTED:
            say("interrupted")
        return INTERRUPTED


def _death(code: int, arguments: list[str], memory: int | None) -> str:
    """Say in a sentence what became of the child."""
    from onnx_affscore.byte_sizes import in_words

    name, why = _cause(code)
    limit, likely = "", "the model or the data make ONNX Runtime, or a library it loads, crash"
    if memory is not None:
        limit = f" (--max-memory {in_words(memory)})"
        likely = f"most likely the memory is too little: give it more; else {likely}"
    return (
        f"the process that ran '{_words(arguments)}' died of {name}{why}{limit}; {_KEPT}; {likely}"
    )


def _cause(code: int) -> tuple[str, str]:
    """What the system calls a death, and what that means, as a clause; empty where unknown."""
    if code > _LARGEST_CODE:
        return f"exit code {code:#x}", ""
    if code >= 0:
        return f"exit code {code}", f", {_LEFT}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}", ""
    return name, f", it {_DIED[name]}" if name in _DIED else ""


def _words(arguments: list[str]) -> str:
    """The command and what follows it, enough to tell which model it was."""
    return " ".join(arguments[:4])


def _interrupted(child: "subprocess.Popen[bytes]") -> None:
    """Wait for the child, to which Ctrl-C went too; a second Ctrl-C kills it."""
    try:
        child.wait(_GRACE)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        child.kill()
        child.wait()


@final
class _Ending:
    """A handler: who ends this process ends the child, also one that is being started."""

    def __init__(self) -> None:
        self.child: subprocess.Popen[bytes] | None = None
        self.signal: int | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number
        self._pass_on()

    def started(self, child: "subprocess.Popen[bytes]") -> None:
        """Note whom to end; the signal may have come before there was a number to send it to."""
        self.child = child
        self._pass_on()

    def _pass_on(self) -> None:
        if self.signal is None or self.child is None or self.child.returncode is not None:
            return
        with suppress(OSError):  # it ended by itself just now
            # Not by its methods, which the main program is waiting in.
            os.kill(self.child.pid, self.signal)


@contextmanager
def _passing_on() -> Iterator[_Ending]:
    """Keep SIGTERM for a child while the context lasts."""
    ending = _Ending()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    before = signal.signal(signal.SIGTERM, ending)
    try:
        yield ending
    finally:
        signal.signal(signal.SIGTERM, before)
