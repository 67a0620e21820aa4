"""How wide the states are that a decoder in a file of its own is fed."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from onnx_affscore.data.columns import ColumnSource
from onnx_affscore.measurement import Measurement
from onnx_affscore.run.session import Session
from tests.test_padding import WIDTH, features, json_rows, options, two_files

STATES = "encoder_hidden_states"


def declare(path: Path, width: str | int | None) -> None:
    """Write the last dimension of the states into the file of an encoder or a decoder."""
    proto = onnx.load(path)
    found = [value for value in proto.graph.input if value.name == STATES]
    (value,) = found or proto.graph.output
    dim = value.type.tensor_type.shape.dim[-1]
    dim.Clear()
    if isinstance(width, str):
        dim.dim_param = width
    elif width is not None:
        dim.dim_value = width
    onnx.save(proto, path)


@pytest.mark.parametrize(
    ("of_encoder", "of_decoder", "runs"),
    [
        (None, WIDTH, 0),
        (WIDTH, "hidden", 0),
        (WIDTH, None, 0),
        ("hidden", "hidden", 1),
        (None, None, 1),
    ],
)
def test_the_width_is_declared_or_that_of_the_states(
    of_encoder: str | int | None,
    of_decoder: str | int | None,
    runs: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder, decoder = two_files(tmp_path)
    data = json_rows(tmp_path / "x.jsonl")
    chosen = options(tmp_path, target_field="to", encoder=str(encoder))
    expected = features(decoder, data, size=4, options=chosen)
    declare(encoder, of_encoder)
    declare(decoder, of_decoder)
    ran, run = [], Session.run

    def counted(self: Session, *given: object) -> object:
        ran.append(self)
        return run(self, *given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Session, "run", counted)
        source = Measurement(decoder, chosen).source(data)
    assert isinstance(source, ColumnSource)
    assert source.columns[STATES].shape[-1] == WIDTH
    assert len(ran) == runs
    found = features(decoder, data, size=4, options=chosen)
    first = next(iter(expected))  # behind the states
    np.testing.assert_array_equal(found[first], expected[first])


def test_the_width_is_found_behind_a_text_that_cannot_be_read(tmp_path: Path) -> None:
    encoder, decoder = two_files(tmp_path)
    for path in (encoder, decoder):
        declare(path, "hidden")
    data = Path(json_rows(tmp_path / "x.jsonl"))
    data.write_text("{\n" + data.read_text())
    chosen = options(tmp_path, target_field="to", encoder=str(encoder), on_error="skip")
    source = Measurement(decoder, chosen).source(str(data))
    assert isinstance(source, ColumnSource)
    assert source.columns[STATES].shape[-1] == WIDTH
