"""There is no telemetry: nothing but a cluster that was asked for opens a connection."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import onnx_affscore
from tests.builder import Builder

PACKAGE = Path(onnx_affscore.__file__).parent
_NETWORK = {
    "socket", "ssl", "http", "urllib", "ftplib", "smtplib", "socketserver", "xmlrpc", "requests",
    "httpx", "aiohttp", "urllib3", "webbrowser",
}  # fmt: skip

# Python reports every socket, whoever opens it, to the hook; the local ones of processes too.
_WATCHED = """
import sys
seen = []
sys.addaudithook(lambda event, _: seen.append(event) if event.startswith("socket.") else None)
from onnx_affscore.cli.main import run
{extra}
try:
    run(sys.argv[1:])
finally:
    assert seen == [], seen
"""


def _run(folder: Path, *arguments: str, extra: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", _WATCHED.format(extra=extra), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("quiet")
    b = Builder()
    x = b.op("Relu", b.dense(b.input(["n", 6]), 6, 6))
    b.output(b.dense(x, 6, 2), ["n", 2])
    b.save(made / "m.onnx")
    return made


def test_no_command_of_a_pipeline_opens_a_socket(folder: Path) -> None:
    for line in (
        "score m.onnx --data random --samples 64 --json sig.json --html page.html --quiet",
        "check sig.json --baseline sig.json --sarif out.sarif",
        "reproduce sig.json",
        "compare sig.json sig.json --json out.json",
        "doctor",
    ):
        done = _run(folder, *line.split())
        assert done.returncode in (0, 1), done.stderr  # made-up data may violate a policy
        assert "AssertionError" not in done.stderr


def test_the_watch_has_teeth(folder: Path) -> None:
    opened = "import socket; socket.socket().close()"
    done = _run(folder, "sites", "m.onnx", extra=opened)
    assert "AssertionError: ['socket.__new__']" in done.stderr


def test_no_module_knows_of_networks() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
        if name.partition(".")[0] in _NETWORK and name != "urllib.parse"
    }
    assert found == set()


@pytest.mark.skipif(sys.platform != "linux", reason="where caches lie is another matter there")
def test_the_runtime_leaves_no_number_of_the_machine_behind(tmp_path: Path) -> None:
    """ONNX Runtime 1.31 for Linux makes one when it is imported, and a file of events to send."""
    g = Builder()
    g.output(g.op("Relu", g.input(["n", 4])))
    model = g.save(tmp_path / "m.onnx")
    home = tmp_path / "home"
    home.mkdir()
    places = {"HOME": str(home), "TMPDIR": str(home), "XDG_CACHE_HOME": str(home)}
    kept = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    command = [sys.executable, "-m", "onnx_affscore", "score", str(model), "--samples", "50"]
    subprocess.run(command, env=kept | places, check=True, capture_output=True, timeout=120)
    assert list(home.rglob("*")) == []
