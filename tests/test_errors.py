"""Every exception can come from another process with its message and exit code."""

import pickle

import pytest

from onnx_affscore import errors
from onnx_affscore.errors import AffscoreError, MissingExtraError, UnreadableRowsError

CLASSES = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: str(kind.__name__))
def test_an_exception_survives_the_way_from_another_process(kind: type[AffscoreError]) -> None:
    if kind is MissingExtraError:
        error: AffscoreError = MissingExtraError("p", extra="e", purpose="Doing this")
    elif kind is UnreadableRowsError:
        error = UnreadableRowsError({3: "3.png: no image", 8: "8.png: no image"})
    else:
        error = kind("what was found; what was wanted")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert (str(back), back.exit_code) == (str(error), error.exit_code)


def test_every_class_is_in_the_list_of_public_names() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, AffscoreError)
    }
    assert defined == set(errors.__all__)
