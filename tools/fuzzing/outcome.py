"""What came of a case: a result, a clear error, a crash of the runtime, or a promise broken."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tools.fuzzing.cases import Case
from tools.fuzzing.pool import Ran

__all__ = ["CLASSES", "Outcome", "judge"]

CLASSES = ("result", "clear error", "runtime crash", "violation")
LARGEST_RSS = 2 << 30
LONGEST_MESSAGE = 3000
_LINE = re.compile(r"(error|warning|note): ")
_CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_RAW_HTML = ("<script>alert", '"><img src=x')
_OURS = ("notes.json", "tmp", "out", "in", "secret.bin")
_FORMULA = re.compile(r"[=@]|[+-](?![\d.])")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The class, and for a violation its kind and where it was seen."""

    name: str
    kind: str = ""
    detail: str = ""


def judge(ran: Ran) -> Outcome:
    """Return the outcome of a case, the gravest first."""
    if (ran.folder / "fault.txt").exists():
        return Outcome("violation", "fault of the campaign", (ran.folder / "fault.txt").read_text())
    if ran.late:
        return Outcome("violation", "timeout", _last_command(ran))
    if ran.signal:
        return Outcome("runtime crash", f"signal {ran.signal}", _last_command(ran))
    for kind, detail in _violations(ran):
        return Outcome("violation", kind, detail)
    codes = {note["code"] for note in ran.commands}
    return Outcome("clear error" if codes & {2, 3} else "result")


def _last_command(ran: Ran) -> str:
    return " ".join(ran.commands[-1]["command"]) if ran.commands else "before the first command"


def _violations(ran: Ran) -> Iterator[tuple[str, str]]:
    for note in ran.commands:
        err, code = note.get("err", ""), note["code"]
        if "internal error" in err or note.get("trace"):
            yield "internal error", note.get("trace") or err
        if code not in ran.case.allowed:
            yield "exit code", f"{code} of {' '.join(note['command'])}: {err}"
        if code == 3 and "error: " not in err:
            yield "no message", str(note)
        stray = [line for line in err.splitlines() if not _LINE.match(line)]
        if stray and code != 2:
            yield "stray text", stray[0]
        if len(err) > LONGEST_MESSAGE:
            yield "long message", f"{len(err)} characters: {err[:300]}"
        for name in ("out", "err"):
            yield from _unsafe(f"std{name}", note.get(name, ""))
    if ran.peak > LARGEST_RSS:
        yield "memory", f"{ran.peak >> 20} MiB in {_last_command(ran)}"
    yield from _stray_files(ran.folder, ran.case)
    for path in sorted((ran.folder / "out").iterdir()):
        if path.suffix != ".onnx":
            yield from _bad_file(path)


def _unsafe(where: str, text: str) -> Iterator[tuple[str, str]]:
    found = {c for c in text if not (c.isprintable() or c == "\n")}
    if found:
        yield "steering characters", f"{where}: {sorted(found)!a}"


def _stray_files(folder: Path, case: Case) -> Iterator[tuple[str, str]]:
    for path in folder.iterdir():
        if path.name not in _OURS and not re.fullmatch(r"std(out|err)\d+\.txt", path.name):
            yield "file outside", path.name
    known = {"in", "in/folder", "in/weights.bin", "in/link.bin", "in/fifo.bin", *case.files}
    for path in sorted((folder / "in").rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name in case.files:
            if path.read_bytes() != case.files[name]:
                yield "input changed", name
        elif name not in known and name != "in/set":
            yield "file outside", name
    for path in sorted((folder / "tmp").iterdir()):
        yield "temporary file left", path.name
    for name in ("pickled",):
        if (folder / "out" / name).exists():
            yield "pickle was loaded", name


def _bad_file(path: Path) -> Iterator[tuple[str, str]]:
    text = path.read_bytes().decode("utf-8", "replace")
    if path.suffix in (".json", ".sarif"):
        try:
            json.loads(text, parse_constant=_refuse)
        except ValueError as exc:
            yield "bad JSON", f"{path.name}: {exc}"
    if path.suffix == ".csv":
        for row in csv.reader(io.StringIO(text)):
            for cell in row:
                if _FORMULA.match(cell):
                    yield "formula", f"{path.name}: {cell[:80]}"
    if path.suffix == ".md":
        text = _CODE_SPAN.sub("", text)  # where markup is text
    if path.suffix in (".html", ".md", ".xml"):
        for raw in _RAW_HTML:
            if raw in text:
                yield "raw markup", f"{path.name}: {raw}"
    yield from _unsafe(path.name, text.replace("\r\n", "\n"))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number in JSON")
