"""The record of a GPU holds what the machine tells, and nothing else."""

import ctypes
from pathlib import Path

import pytest
from onnxruntime.capi import build_and_package_info

from onnx_affscore.run import gpu


def fake(folder: Path, script: str) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


class Cudnn:
    @staticmethod
    def cudnnGetVersion() -> int:  # noqa: N802 - the library's own name
        return 91201


def test_the_driver_and_the_libraries_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, 'case "$*" in *--id=1*) echo "NVIDIA H100 80GB HBM3, 580.95.05";; esac')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Cudnn)
    monkeypatch.setattr(build_and_package_info, "cuda_version", "13.0", raising=False)
    assert gpu.gpu_versions(1) == {
        "gpu": "NVIDIA H100 80GB HBM3",
        "driver": "580.95.05",
        "cuda": "13.0",
        "cudnn": "9.12.1",
    }


@pytest.mark.parametrize("script", ["exit 9", "echo", "echo one, two, three"])
def test_what_the_machine_does_not_tell_is_left_out(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(gpu, "_CUDNN", "libcudnn-of-no-machine.so")
    monkeypatch.setattr(build_and_package_info, "cuda_version", "", raising=False)
    assert gpu.gpu_versions(0) == {}


def test_a_machine_without_a_driver_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu._told_by_driver(0) == []
