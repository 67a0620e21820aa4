"""What ONNX Runtime says, in one line and without the places in its own source."""

import re

__all__ = ["plainly"]

# ONNX Runtime prefixes its messages with the place in its own source, and often the function.
_SOURCE_PLACE = re.compile(
    r"\S*/\S+\.(?:cc|h|cpp):\d+\s+(?:[^()]*?[\w:~]+\([^()]*\)\s*(?:const\s+)?)?"
)
_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : ")
_LONGEST = 500
_READ = 4000


def plainly(exc: Exception) -> str:
    """Return the message of an error of the runtime.

    Examples
    --------
    >>> plainly(RuntimeError("[ONNXRuntimeError] : 1 : FAIL : /src/x.cc:12 bad\\nnews"))
    'FAIL : bad news'
    """
    said = str(exc)
    if len(said) > _READ:  # names may be as long as a file, and the pattern is not linear
        said = f"{said[: _READ // 2]} ... {said[-_READ // 2 :]}"
    said = _CODE.sub("", _SOURCE_PLACE.sub("", " ".join(said.split())))
    if len(said) <= _LONGEST:
        return said
    half = _LONGEST // 2  # what failed stands in front, why it did often at the end
    return f"{said[:half]} ... {said[-half:]}"
