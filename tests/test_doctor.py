"""``doctor`` tells of every extra that the package has."""

import tomllib
from pathlib import Path

import pytest

from onnx_affscore import doctor

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
EXTRAS = {n: r for n, r in PROJECT["optional-dependencies"].items() if n != "test"}


def test_every_extra_is_told_by_what_it_installs() -> None:
    facts = doctor.examine().facts
    for requirements in EXTRAS.values():
        (requirement,) = requirements
        assert facts[requirement.partition(">=")[0]][0].isdigit()  # a version: tests have all


def test_what_is_missing_is_told_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    facts = doctor.examine().facts
    for extra, (requirement,) in EXTRAS.items():
        cure = f"not installed (pip install 'onnx-affscore[{extra}]')"
        assert facts[requirement.partition(">=")[0]] == cure
