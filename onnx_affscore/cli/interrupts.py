"""Ctrl-C at once: a thread of its own ends the process, also while C code does not come back."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from onnx_affscore.cli.codes import BY_SIGNAL

__all__ = ["as_usual", "at_once"]

_WORDS: Final = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


@contextmanager
def at_once(leave: Callable[[str], str]) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the process with 130 and 143 while the context lasts.

    Python tells its main thread of a signal when that comes back from C code, which may take
    minutes; a byte in a pipe wakes another thread right away. ``leave`` cleans up and makes the
    last words of a first one; a second signal does not wait for it. Signals that the process
    ignores stay ignored.
    """
    heeded = [s for s in _WORDS if signal.getsignal(s) != signal.SIG_IGN]
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    far, near = os.pipe()
    if sys.platform != "win32":  # where a handler may not wait for room
        os.set_blocking(near, False)
    # Python writes the byte for signals that have a handler in Python.
    before = {s: signal.signal(s, _left_to_the_thread) for s in heeded}
    woken = signal.set_wakeup_fd(near, warn_on_full_buffer=False)
    watch = threading.Thread(target=_watch, args=(far, heeded, leave), daemon=True)
    watch.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(near)
        watch.join()
        os.close(far)


@contextmanager
def as_usual() -> Iterator[None]:
    """Leave signals to Python while the context lasts: a child hears of them, and has the word."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {s: signal.getsignal(s) for s in _WORDS}
    woken = signal.set_wakeup_fd(-1)
    try:
        if before[signal.SIGINT] == _left_to_the_thread:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if before[signal.SIGTERM] == _left_to_the_thread:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        yield
    finally:
        for number, found in before.items():
            signal.signal(number, found)
        signal.set_wakeup_fd(woken)


def _left_to_the_thread(_number: int, _frame: object) -> None:
    """Do nothing in the main thread."""


def _watch(far: int, heeded: list[signal.Signals], leave: Callable[[str], str]) -> None:
    going = False
    while got := os.read(far, 1):
        if got[0] not in heeded:
            continue
        if going:
            os._exit(BY_SIGNAL + got[0])
        going = True
        threading.Thread(target=_go, args=(signal.Signals(got[0]), leave), daemon=True).start()


def _go(number: signal.Signals, leave: Callable[[str], str]) -> None:
    try:
        words = leave(_WORDS[number])
        start = "\n" if os.isatty(2) else ""  # below the progress
        with suppress(OSError):
            os.write(2, f"{start}{words}\n".encode())
    finally:
        os._exit(BY_SIGNAL + number)
