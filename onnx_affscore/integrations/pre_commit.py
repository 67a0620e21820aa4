"""The hook of pre-commit: ``check`` for every model that is committed.

``python -m onnx_affscore.integrations.pre_commit [OPTIONS OF CHECK] MODEL.onnx...``; in an option
``{stem}`` is the path of the model without its suffix: ``--baseline {stem}.affscore.json``.
"""

import sys
from collections.abc import Sequence

__all__ = ["commands", "main"]

_SUFFIX = ".onnx"
_VIOLATED = 1


def commands(arguments: Sequence[str]) -> list[list[str]]:
    """Return the call of ``check`` for each model at the end of the arguments.

    >>> commands(["--policy", "p.toml", "a.onnx", "b.onnx"])
    [['check', 'a.onnx', '--policy', 'p.toml'], ['check', 'b.onnx', '--policy', 'p.toml']]
    """
    first = len(arguments)
    while first and arguments[first - 1].lower().endswith(_SUFFIX):
        first -= 1
    options = arguments[:first]
    return [
        ["check", model, *(o.replace("{stem}", model[: -len(_SUFFIX)]) for o in options)]
        for model in arguments[first:]
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Check every model; 1 where a policy is violated, else the largest exit code."""
    from onnx_affscore.cli.main import run

    codes = [0]
    for command in commands(sys.argv[1:] if arguments is None else arguments):
        try:
            run(command)
        except SystemExit as exc:
            codes.append(exc.code if isinstance(exc.code, int) else _VIOLATED)
    return _VIOLATED if _VIOLATED in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main())
