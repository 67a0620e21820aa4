"""The child's side of ``--isolate``: it runs the command line within its limits, and says that it ended.

A library may end the process too: OpenBLAS calls ``exit(1)`` where memory runs out, which is the
code of a policy that is violated. Only an end that is told is the command's own.
"""

import sys
from pathlib import Path

__all__ = ["inside", "is_child"]

_in_child = False


def is_child() -> bool:
    """Whether this process runs a command for another one."""
    return _in_child


def inside(memory: int | None, arguments: list[str], *, running: str) -> None:
    """Run the command line in this process, the child, and exit.

    The file ``running`` goes when the command ends by itself: a file can be removed also where the
    disk is full.
    """
    global _in_child  # noqa: PLW0603 - what a process is does not change
    _in_child = True
    if memory is not None and sys.platform == "linux":
        import resource

        # Data, not address space: mapped files, and what CUDA reserves, take no memory.
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    from onnx_affscore.cli.main import run

    try:
        run(arguments)
    finally:
        Path(running).unlink()
