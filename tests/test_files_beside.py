"""Files beside model and data that rows hang on: an encoder, and libraries of operators."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from onnx_affscore import Signature, signature
from onnx_affscore.errors import ModelError, OptionError
from onnx_affscore.graph.model import load
from onnx_affscore.provenance import digest
from onnx_affscore.reproduce import reproduce
from tests.data.text_files import tokenizer_json
from tests.test_measure import X, mlp
from tests.test_padding import json_rows, two_files

Score = Callable[..., Signature]


@pytest.fixture
def translate(tmp_path: Path) -> Score:
    """Scores a decoder on what the encoder beside it makes of six texts."""
    encoder, decoder = two_files(tmp_path)
    data = json_rows(tmp_path / "x.jsonl")
    tokenizer = tokenizer_json(tmp_path)

    def scored(**more: Any) -> Signature:
        more |= {"tokenizer": str(tokenizer), "target_field": "to", "encoder": str(encoder)}
        return signature(decoder, [data], **more)

    return scored


def other_weights(path: Path) -> None:
    proto = onnx.load(path)
    weights = next(t for t in proto.graph.initializer if t.data_type == onnx.TensorProto.FLOAT)
    doubled = 2 * onnx.numpy_helper.to_array(weights)
    weights.CopyFrom(onnx.numpy_helper.from_array(doubled, weights.name))
    onnx.save(proto, path)


def test_a_run_is_not_gone_on_with_another_encoder_in_the_same_file(
    translate: Score, tmp_path: Path
) -> None:
    encoder = tmp_path / "encoder.onnx"
    before, content = load(encoder).info.sha256, encoder.read_bytes()
    first = translate(resume=tmp_path / "kept")
    other_weights(encoder)
    now = load(encoder).info.sha256
    said = f"keeps another run: SHA-256 of the encoder {now}, kept {before}; give the command"
    with pytest.raises(OptionError, match=said):
        translate(resume=tmp_path / "kept")
    assert list(translate().values) != list(first.values)
    encoder.write_bytes(content)
    assert list(translate(resume=tmp_path / "kept").values) == list(first.values)


def test_a_record_names_its_encoder_and_is_not_made_again_with_another(
    translate: Score, tmp_path: Path
) -> None:
    encoder = tmp_path / "encoder.onnx"
    record = translate()
    assert record.run["encoder_sha256"] == load(encoder).info.sha256
    assert reproduce(record).reproduced
    other_weights(encoder)
    with pytest.raises(ModelError, match=r"the encoder .*encoder\.onnx is not what was scored: "):
        reproduce(record)


@pytest.fixture
def operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library that the runtime takes, whatever it holds."""
    monkeypatch.setattr(ort.SessionOptions, "register_custom_ops_library", lambda self, path: None)
    library = tmp_path / "ops.so"
    library.write_bytes(b"one build")
    return library


def test_a_run_is_not_gone_on_with_another_build_of_its_operators(
    operators: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"custom_operators": (str(operators),), "resume": tmp_path / "kept"}
    model = mlp(tmp_path)
    signature(model, X, **options)
    operators.write_bytes(b"another build")
    with pytest.raises(OptionError, match=r"SHA-256 of .*ops\.so [0-9a-f]{64}, kept [0-9a-f]{64};"):
        signature(model, X, **options)


def test_another_build_of_the_operators_is_told_where_a_record_is_made_again(
    operators: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", X)
    data = [str(tmp_path / "x.npy")]
    record = signature(mlp(tmp_path), data, custom_operators=(str(operators),))
    assert record.run["custom_operators_sha256"] == [hashlib.sha256(b"one build").hexdigest()]
    assert reproduce(record).changed == ()
    operators.write_bytes(b"another build")
    (changed,) = reproduce(record).changed
    assert "--custom-op-library" in changed


def test_a_library_that_is_not_there_has_no_hash(tmp_path: Path) -> None:
    assert digest(str(tmp_path / "ops.so")) is None
