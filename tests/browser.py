"""A headless Chromium, driven over its DevTools pipe: real pages without a further dependency."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

__all__ = ["CHROMIUM", "Page", "chromium"]

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
_SECONDS = 60.0
# Chromium reads commands from descriptor 3 and answers on 4.
_EXEC = """
import fcntl, os, sys
high = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for number, place in zip(high, (3, 4)):
    os.dup2(number, place)
os.execv(sys.argv[3], sys.argv[3:])
"""
_FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # the tests may run as root, and open no page but their own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--force-device-scale-factor=1",
    "--hide-scrollbars",
)
_KEYS = {" ": ("Space", 32), "Enter": ("Enter", 13), "Tab": ("Tab", 9), "Escape": ("Escape", 27)}


@final
class Page:
    """One tab. What went wrong in it is in ``complaints``, what it asked for in ``requests``."""

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive = send, receive
        self._rest = b""
        self._number = 0
        self._session: str | None = None
        self._events: list[Mapping[str, Any]] = []
        self.complaints: list[str] = []
        self.requests: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def open(
        self,
        file: Path,
        *,
        width: int = 1300,
        height: int = 900,
        dark: bool = False,
        script: bool = True,
    ) -> None:
        """Load a file and wait until it has come to rest."""
        self.complaints.clear()
        self.requests.clear()
        self._call("Emulation.setScriptExecutionDisabled", value=not script)
        self.resize(width, height)
        self.prefer(dark=dark)
        self._events.clear()
        self._call("Page.navigate", url=file.resolve().as_uri())
        self._until("Page.loadEventFired")
        if script:
            self.settle()

    def resize(self, width: int, height: int) -> None:
        """Set the size of the window."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, *, dark: bool) -> None:
        """Set what the system prefers, with no motion."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        motion = {"name": "prefers-reduced-motion", "value": "reduce"}
        self._call("Emulation.setEmulatedMedia", features=[scheme, motion])

    def settle(self) -> None:
        """Wait for two frames: observers have run and the canvas is drawn."""
        self.evaluate("new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)))")

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; a promise is waited for."""
        answer = self._call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"]["exception"].get("description"))
        return answer["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys one after another."""
        for key in keys:
            code, number = _KEYS.get(key, (key, 0))
            text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
            common = {"key": key, "code": code, "windowsVirtualKeyCode": number}
            self._call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
            self._call("Input.dispatchKeyEvent", type="keyUp", **common)
        self.settle()

    def move(self, x: float, y: float) -> None:
        """Move the pointer."""
        self._mouse("mouseMoved", x, y)
        self.settle()

    def click(self, x: float, y: float, *, times: int = 1) -> None:
        """Click at a point of the window."""
        self._mouse("mouseMoved", x, y)
        for count in range(1, times + 1):
            self._mouse("mousePressed", x, y, button="left", clickCount=count)
            self._mouse("mouseReleased", x, y, button="left", clickCount=count)
        self.settle()

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press at one point, move, and let go at another."""
        self._mouse("mouseMoved", *start)
        self._mouse("mousePressed", *start, button="left", clickCount=1)
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        for point in (middle, end):
            self._mouse("mouseMoved", *point, button="left", buttons=1)
        self._mouse("mouseReleased", *end, button="left", clickCount=1)
        self.settle()

    def accessible(self) -> list[tuple[str, str]]:
        """Return role and name of everything that assistive technology is told of."""
        nodes = self._call("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], str(node.get("name", {}).get("value", "")))
            for node in nodes
            if not node["ignored"]
        ]

    def screenshot(self, *, whole: bool = False) -> bytes:
        """Return what is seen, or the whole page, as PNG."""
        answer = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])

    def _mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def _call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        rest = json.dumps(message).encode() + b"\0"
        while rest:
            rest = rest[os.write(self._send, rest) :]
        deadline = time.monotonic() + _SECONDS
        while True:
            answer = self._next(deadline)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _until(self, method: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while not any(event.get("method") == method for event in self._events):
            self._next(deadline)

    def _next(self, deadline: float) -> Mapping[str, Any]:
        """The next message; an event is also kept, and judged."""
        while b"\0" not in self._rest:
            if not select.select([self._receive], [], [], max(deadline - time.monotonic(), 0.0))[0]:
                raise AssertionError(f"no answer of the browser in {_SECONDS:.0f} s")
            received = os.read(self._receive, 1 << 16)
            if not received:
                raise AssertionError("the browser has ended")
            self._rest += received
        text, _, self._rest = self._rest.partition(b"\0")
        message: Mapping[str, Any] = json.loads(text)
        if "method" in message:
            self._events.append(message)
            self._judge(message["method"], message["params"])
        return message

    def _judge(self, method: str, told: Mapping[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", str(details)))
        elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.complaints.append(told["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(f"console.{told['type']}: {told['args']}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])


@contextmanager
def chromium(flags: Sequence[str] = ()) -> Iterator[Page]:
    """Start a browser with a fresh profile; end it and take the profile away afterwards."""
    if CHROMIUM is None:
        raise AssertionError("no Chromium was found")
    theirs, send = os.pipe()
    receive, back = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        trampoline = [sys.executable, "-c", _EXEC, str(theirs), str(back)]
        process = subprocess.Popen(
            [*trampoline, CHROMIUM, *_FLAGS, *flags, f"--user-data-dir={profile}"],
            pass_fds=(theirs, back),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(back)
        try:
            yield Page(send, receive)
        finally:
            os.close(send)
            process.terminate()
            process.wait(_SECONDS)
            os.close(receive)
