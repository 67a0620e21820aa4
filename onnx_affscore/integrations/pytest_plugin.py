"""Fixtures for pytest: a model's signature, scored once a session, against a file of the past.

Installed with the package. ``pytest --affscore-update`` writes the files instead.
"""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from onnx_affscore.records import Signature

__all__ = ["affscore_check", "affscore_signature", "pytest_addoption"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--affscore-update``."""
    parser.getgroup("onnx-affscore").addoption(
        "--affscore-update",
        action="store_true",
        help="write the expected signatures of affscore_check anew",
    )


@pytest.fixture(scope="session")
def affscore_signature() -> "Callable[..., Signature]":
    """Return ``onnx_affscore.signature``, which scores the same files but once a session.

    Arrays and generators of data are scored at each call: whether they are the same is not known.
    """
    from onnx_affscore import signature

    known: dict[str, Signature] = {}

    def scored(model: str | PathLike[str], data: Any = None, **options: Any) -> "Signature":
        named = data is None or isinstance(data, str)
        if isinstance(data, list | tuple):
            named = all(isinstance(spec, str) for spec in data)
        if not named:
            return signature(Path(model), data, **options)
        state = Path(model).stat()
        key = repr((str(model), state.st_mtime_ns, state.st_size, data, sorted(options.items())))
        if key not in known:
            known[key] = signature(Path(model), data, **options)
        return known[key]

    return scored


@pytest.fixture
def affscore_check(request: pytest.FixtureRequest) -> "Callable[..., None]":
    """Return ``check(signature, path, **options)``: the signature is that of the file at ``path``.

    Options are those of :func:`onnx_affscore.testing.assert_signature_close`. With
    ``--affscore-update`` the file is written; a missing one is a failure.
    """
    from onnx_affscore.testing import assert_signature_close

    update = bool(request.config.getoption("--affscore-update"))

    def check(signature: "Signature", path: str | PathLike[str], **options: Any) -> None:
        if update:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            signature.to_json(path)
        elif not Path(path).exists():
            pytest.fail(f"{path} does not exist; make it with: pytest --affscore-update")
        else:
            assert_signature_close(signature, path, **options)

    return check
