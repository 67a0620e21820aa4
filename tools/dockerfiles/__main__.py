"""Replay the pip steps of the Dockerfiles in a folder, on a machine without an engine.

``python -m tools.dockerfiles [FILE...]``: copies what COPY copies and .dockerignore lets through,
runs what RUN runs but for apt-get and useradd, with paths inside the folder, and last the entry
point with ``doctor`` and ``demo``. Downloads what the images download.
"""

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.dockerfiles.reading import FILES, ROOT, copies, ignored, instructions, rules

_OF_THE_SYSTEM = ("apt-get", "useradd")  # first words of steps that need the image


def replay(path: Path, root: Path) -> None:
    """Run a Dockerfile with ``root`` in the place of the image's root folder."""
    keep_out = rules()
    for source, target in copies(path):
        found = [ROOT / source] if (ROOT / source).is_file() else (ROOT / source).rglob("*")
        for file in (f for f in found if f.is_file()):
            name = file.relative_to(ROOT).as_posix()
            if not ignored(name, keep_out):
                inside = file.relative_to(ROOT / source) if file != ROOT / source else file.name
                goal = root / target.strip("/") / inside
                goal.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, goal)
    for instruction in instructions(path):
        if instruction.word == "RUN" and not instruction.rest.startswith(_OF_THE_SYSTEM):
            command = instruction.rest
            for folder in ("/opt/affscore", "/src"):
                command = command.replace(folder, f"{root}{folder}")
            (root / "opt").mkdir(exist_ok=True)
            print(f"{path.name}: {command}", flush=True)
            subprocess.run(["sh", "-ec", command], check=True, cwd=root)
    entry = next(i.rest for i in instructions(path) if i.word == "ENTRYPOINT")
    program = [str(root / "opt/affscore/bin" / word) for word in json.loads(entry)]
    for arguments in ("--version", "doctor", "demo --output-dir ."):
        print(f"{path.name}: {shlex.join(program)} {arguments}", flush=True)
        subprocess.run([*program, *arguments.split()], check=True, cwd=root)


def main() -> None:
    for path in [Path(a) for a in sys.argv[1:]] or FILES:
        with tempfile.TemporaryDirectory() as folder:
            replay(path.resolve(), Path(folder))


if __name__ == "__main__":
    main()
