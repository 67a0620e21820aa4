"""The Dockerfiles, as far as they can be read without an engine: form, files, versions.

``python -m tools.dockerfiles`` runs their steps; it downloads what the images do.
"""

import json
import re
import tomllib
from pathlib import Path

import onnxruntime as ort
import pytest

from tools.dockerfiles.reading import FILES, ROOT, copies, ignored, instructions, rules

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
KNOWN = {"FROM", "COPY", "RUN", "USER", "ENV", "WORKDIR", "ENTRYPOINT", "CMD"}


def _words(path: Path, word: str) -> list[str]:
    return [i.rest for i in instructions(path) if i.word == word]


def test_there_is_one_for_the_cpu_and_one_for_cuda() -> None:
    assert [path.name for path in FILES] == ["Dockerfile", "Dockerfile.cuda"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_the_form_is_sound(path: Path) -> None:
    found = instructions(path)
    assert {i.word for i in found} <= KNOWN
    assert found[0].word == "FROM"
    (base,) = _words(path, "FROM")
    assert re.fullmatch(r"[\w./-]+:[\w.-]+", base), "a base has a tag"
    assert not base.endswith(":latest")
    assert json.loads(_words(path, "ENTRYPOINT")[0]) == ["onnx-affscore"]
    assert json.loads(_words(path, "CMD")[0]) == ["--help"]
    assert all(folder.startswith("/") for folder in _words(path, "WORKDIR"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_the_program_does_not_run_as_root(path: Path) -> None:
    words = [i.word for i in instructions(path)]
    user = _words(path, "USER")[-1]
    assert user not in ("root", "0")
    assert any(run.startswith("useradd") and run.endswith(user) for run in _words(path, "RUN"))
    assert "RUN" not in words[words.index("USER") :]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_no_layer_keeps_what_is_not_needed(path: Path) -> None:
    for run in _words(path, "RUN"):
        for command in run.split("&&"):
            if "pip install" in command:
                assert "--no-cache-dir" in command
            if "apt-get install" in command:
                assert "--no-install-recommends" in command
                assert "--yes" in command
                assert run.endswith("rm -rf /var/lib/apt/lists/*")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_what_the_build_reads_is_copied_and_not_ignored(path: Path) -> None:
    project, wheel = PROJECT["project"], PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {
        "pyproject.toml",
        project["readme"],
        *project["license-files"],
        *wheel["packages"],
        *wheel["force-include"],
    }
    sources = {source for source, _ in copies(path)}
    folders = tuple(f"{package}/" for package in wheel["packages"])
    assert sources == {file for file in needed if not file.startswith(folders)}
    for source in sources:
        assert (ROOT / source).exists()
        assert not ignored(source, rules())
    # each lies in /src where it lies in the repository
    for source, target in copies(path):
        place = target if target.endswith(Path(source).name) else f"{target}{Path(source).name}"
        assert place == f"/src/{source}"


def test_nothing_else_goes_to_the_engine() -> None:
    for name in (".git/config", ".venv/bin/python", "models/torch_vit.onnx", "tests/builder.py"):
        assert ignored(name, rules())
    assert ignored("onnx_affscore/graph/__pycache__/view.cpython-311.pyc", rules())
    assert not ignored("onnx_affscore/graph/view.py", rules())


def test_the_runtime_of_the_gpu_is_built_for_the_cuda_of_its_base() -> None:
    (path,) = (p for p in FILES if p.suffix == ".cuda")
    (base,) = _words(path, "FROM")
    assert re.match(r"nvidia/cuda:13\.\d+\.\d+-cudnn-runtime-", base)
    (pinned,) = re.findall(r"onnxruntime-gpu==([\d.]+)", " ".join(_words(path, "RUN")))
    if ort.__version__ == pinned:  # the version that the statement is about
        assert ort.cuda_version.startswith("13.")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_the_extras_that_are_installed_exist(path: Path) -> None:
    (named,) = re.findall(r'"/src\[([\w,]+)\]"', " ".join(_words(path, "RUN")))
    assert set(named.split(",")) <= set(PROJECT["project"]["optional-dependencies"])
