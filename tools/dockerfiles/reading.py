"""Read a Dockerfile: its instructions in order, and which files of the repository it copies."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "docker").glob("Dockerfile*"))


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word in capitals, and the rest as one line."""

    word: str
    rest: str


def instructions(path: Path) -> list[Instruction]:
    """Return the instructions of a file; comments dropped, continued lines joined."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not _is_comment(line)]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = []
    for line in filter(str.strip, joined.splitlines()):
        word, _, rest = line.strip().partition(" ")
        found.append(Instruction(word, rest.strip()))
    return found


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def copies(path: Path) -> list[tuple[str, str]]:
    """Return source and target of everything that is copied."""
    pairs = []
    for instruction in instructions(path):
        if instruction.word == "COPY":
            *sources, target = instruction.rest.split()
            pairs += [(source, target) for source in sources]
    return pairs


def ignored(path: str, rules: list[str]) -> bool:
    """Whether .dockerignore keeps a file out of the build: the last rule that fits counts.

    A rule fits a file where it fits the file or a folder that it is in.
    """
    parts = path.split("/")
    places = ["/".join(parts[: i + 1]) for i in range(len(parts))]
    out = False
    for rule in rules:
        pattern = rule.removeprefix("!")
        if any(_fits(place, pattern) for place in places):
            out = not rule.startswith("!")
    return out


def _fits(place: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatchcase(place.rpartition("/")[2], pattern[3:])
    same_depth = place.count("/") == pattern.count("/")
    return same_depth and fnmatchcase(place, pattern)


def rules() -> list[str]:
    """Return the rules of .dockerignore."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
