"""Talk that nobody can hear costs no run, and no file of its own gets the talk instead."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MODELS = Path(__file__).parents[2] / "models"
RUN = f'"{sys.executable}" -m onnx_affscore'
SCORE = f'{RUN} score "{MODELS / "sklearn_mlp.onnx"}" --samples 40 --metrics cka --json s.json'

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")

TALKERS = {
    "print": "print('x', file=sys.stderr)",
    "bytes": "sys.stderr.buffer.write(b'x'); sys.stderr.buffer.flush()",
    "warnings": "import warnings; warnings.warn('x')",
    "logging": "import logging; logging.error('x')",
    "click": "import click; click.echo('x', err=True)",
    "faulthandler": "import faulthandler; faulthandler.dump_traceback()",
    "progress": (
        "from onnx_affscore.cli.progress import progress_line\n"
        "with progress_line(hidden=False) as line: line(1, 2)"
    ),
}
START = "import sys\nfrom onnx_affscore.cli.streams import bear_with_streams\nbear_with_streams()\n"


def shell(line: str, folder: Path) -> tuple[int, str]:
    """The exit code of a line in a shell, and its standard output."""
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"}, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    "line",
    [
        f"{SCORE} 2>/dev/full",
        f"{SCORE} 2>&-",
        f"exec 3> >(:); wait $!; {SCORE} 2>&3",  # a pipe whose reader is gone
        f"{SCORE} --isolate 2>/dev/full",
        f"{SCORE} --isolate 2>&-",
    ],
    ids=["full", "closed", "unread", "full for a child", "closed for a child"],
)
def test_a_stderr_that_takes_nothing_costs_no_result(line: str, tmp_path: Path) -> None:
    code, out = shell(line, tmp_path)
    assert code == 0
    assert "affinity" in out
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["summary"]["scored"] > 0


@pytest.mark.parametrize("lost", ["2>/dev/full", "2>&-"])
@pytest.mark.parametrize(("call", "code"), [("score nowhere.onnx", 2), ("score bad.onnx", 3)])
def test_an_error_that_cannot_be_told_keeps_its_exit_code(
    call: str, code: int, lost: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    assert shell(f"{RUN} {call} {lost}", tmp_path) == (code, "")


@pytest.mark.parametrize("lost", ["2>/dev/full", "2>&-"])
@pytest.mark.parametrize("talker", TALKERS)
def test_whoever_talks_is_borne_with(talker: str, lost: str, tmp_path: Path) -> None:
    (tmp_path / "talk.py").write_text(f"{START}{TALKERS[talker]}\nprint('done')\n")
    assert shell(f'"{sys.executable}" talk.py {lost}', tmp_path) == (0, "done\n")


def test_without_it_the_talk_costs_the_run(tmp_path: Path) -> None:
    (tmp_path / "talk.py").write_text(f"import sys\n{TALKERS['print']}\n")
    assert shell(f'"{sys.executable}" talk.py 2>/dev/full', tmp_path)[0] != 0


def test_a_stream_that_was_closed_is_no_number_for_a_file(tmp_path: Path) -> None:
    (tmp_path / "talk.py").write_text(
        f"{START}import os\n"
        "file = open('kept', 'w')\n"
        "os.write(2, b'what native code says')\n"
        "assert file.fileno() > 2\n"
    )
    for closed in ("0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"):
        assert shell(f'"{sys.executable}" talk.py {closed}', tmp_path)[0] == 0
        assert (tmp_path / "kept").read_bytes() == b""


def test_what_can_be_heard_is_heard_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "talk.py").write_text(
        f"{START}import os\n"
        "sys.stderr.write('half ')\n"
        "os.write(2, b'native ')\n"
        "print('\\udc80 \\u00e9', file=sys.stderr)\n"
    )
    line = f'PYTHONIOENCODING=ascii "{sys.executable}" talk.py 2>&1'
    assert shell(line, tmp_path) == (0, "half native \\udc80 \\xe9\n")
