"""Model files: what is read, what is refused, and a copy that never touches the original."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from onnx_affscore.errors import ModelError
from onnx_affscore.graph.model import load, save
from tests.builder import Builder


def dense() -> Builder:
    g = Builder()
    g.output(g.dense(g.op("Relu", g.dense(g.input(["n", 4]), 4, 3)), 3, 2), ["n", 2])
    return g


def external(proto: onnx.ModelProto, location: str) -> onnx.ModelProto:
    """The model with its first weights said to lie in a file."""
    return _moved_out(proto, proto.graph.initializer[0], location)


def _moved_out(proto: onnx.ModelProto, tensor: onnx.TensorProto, location: str) -> onnx.ModelProto:
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return proto


def written(proto: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    """A folder within a folder that holds a secret."""
    (tmp_path / "secret.bin").write_bytes(bytes(4 * 12))
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


def test_a_model_is_described_for_the_record(tmp_path: Path) -> None:
    g = dense()
    g.domains["com.microsoft"] = 1
    proto = g.proto()
    proto.producer_name, proto.producer_version = "maker", "1.2"
    path = written(proto, tmp_path)
    info = load(str(path)).info
    assert info.path == str(path)
    assert info.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert info.producer == "maker 1.2"
    assert info.opset == {"ai.onnx": 17, "com.microsoft": 1}
    assert (info.ir_version, info.nodes, info.parameters) == (8, 3, 4 * 3 + 3 * 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no graph"),
        (b"hello, this is a text", "is not an ONNX file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS pointer"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is not an ONNX file"),
        (helper.make_tensor("t", 1, [2], [1, 2]).SerializeToString(), "model.onnx"),
    ],
    ids=["empty", "text", "pointer", "image", "tensor"],
)
def test_what_is_no_model_is_refused_in_one_sentence(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = dense().save(tmp_path / "model.onnx")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ModelError, match="incomplete download"):
        load(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is a folder; wanted the \.onnx file"):
        load(tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        load(tmp_path / "nothing.onnx")


def test_external_weights_beside_the_model_are_allowed(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "w.data").write_bytes(bytes(4 * 12))
    path = written(external(dense().proto(), "weights/w.data"), tmp_path)
    assert load(path).folder == tmp_path


def test_the_hash_is_that_of_the_file_and_of_weights_beside_it(tmp_path: Path) -> None:
    plain = written(dense().proto(), tmp_path)
    assert load(plain).info.sha256 == hashlib.sha256(plain.read_bytes()).hexdigest()
    path = written(external(dense().proto(), "w.data"), tmp_path)
    weights = tmp_path / "w.data"
    seen = set()
    for content in (bytes(1024), bytes(1023) + b"1"):
        weights.write_bytes(content)
        seen |= {load(path).info.sha256, load(path).info.sha256}
    assert len(seen) == 2
    assert hashlib.sha256(path.read_bytes()).hexdigest() not in seen


def test_a_missing_external_file_is_named(tmp_path: Path) -> None:
    path = written(external(dense().proto(), "w.data"), tmp_path)
    with pytest.raises(ModelError, match=r"tensor 'w_1' .* in 'w\.data', which is missing"):
        load(path)


@pytest.mark.parametrize(
    "location",
    [
        "../secret.bin",
        "a/../../secret.bin",
        "/etc/passwd",
        "C:\\secret.bin",
        "\\\\host\\x",
        "",
        ".",
    ],
)
def test_external_weights_outside_the_folder_are_refused(location: str, inside: Path) -> None:
    path = written(external(dense().proto(), location), inside)
    with pytest.raises(ModelError, match=r"outside the model's folder|is missing"):
        load(path)


def test_a_link_that_leads_outside_is_refused(inside: Path) -> None:
    (inside / "w.data").symlink_to(inside.parent / "secret.bin")
    path = written(external(dense().proto(), "w.data"), inside)
    with pytest.raises(ModelError, match="outside the model's folder"):
        load(path)


def _in_a_constant() -> onnx.ModelProto:
    proto = dense().proto()
    value = numpy_helper.from_array(np.zeros((2,), np.float32), "value")
    proto.graph.node.append(helper.make_node("Constant", [], ["k"], value=value))
    return _moved_out(proto, proto.graph.node[-1].attribute[0].t, "../secret.bin")


def _in_a_branch() -> onnx.ModelProto:
    proto = dense().proto()
    weights = numpy_helper.from_array(np.zeros((2,), np.float32), "inner")
    branch = helper.make_graph([], "b", [], [], [_moved_weights(weights)])
    proto.graph.node.append(helper.make_node("If", ["c"], ["k"], then_branch=branch))
    return proto


def _in_a_function() -> onnx.ModelProto:
    proto = dense().proto()
    value = _moved_weights(numpy_helper.from_array(np.zeros((2,), np.float32), "value"))
    node = helper.make_node("Constant", [], ["k"], value=value)
    function = helper.make_function("local", "f", [], ["k"], [node], proto.opset_import)
    proto.functions.append(function)
    return proto


def _in_a_sparse_weight() -> onnx.ModelProto:
    proto = dense().proto()
    sparse = proto.graph.sparse_initializer.add(dims=[4])
    sparse.values.CopyFrom(_moved_weights(numpy_helper.from_array(np.zeros(2, np.float32), "s")))
    return proto


def _moved_weights(tensor: onnx.TensorProto) -> onnx.TensorProto:
    _moved_out(onnx.ModelProto(), tensor, "../secret.bin")
    return tensor


@pytest.mark.parametrize(
    "make", [_in_a_constant, _in_a_branch, _in_a_function, _in_a_sparse_weight]
)
def test_external_data_are_refused_wherever_a_model_hides_them(
    make: Callable[[], onnx.ModelProto], inside: Path
) -> None:
    with pytest.raises(ModelError, match="outside the model's folder"):
        load(written(make(), inside))


def test_a_copy_is_written_whole_and_the_original_stays(tmp_path: Path) -> None:
    path = dense().save(tmp_path / "model.onnx")
    before = path.read_bytes()
    model = load(path)
    save(model.proto, tmp_path / "copy.onnx", like=model)
    assert (tmp_path / "copy.onnx").read_bytes() == before == path.read_bytes()
    assert {p.name for p in tmp_path.iterdir()} == {"model.onnx", "copy.onnx"}


@pytest.mark.parametrize("name", ["model.onnx", "link.onnx", "hard.onnx"])
def test_the_original_is_never_written_over(name: str, tmp_path: Path) -> None:
    path = dense().save(tmp_path / "model.onnx")
    (tmp_path / "link.onnx").symlink_to(path)
    (tmp_path / "hard.onnx").hardlink_to(path)
    model = load(path)
    with pytest.raises(ModelError, match="is the model itself"):
        save(model.proto, tmp_path / name, like=model)


def test_the_copy_of_a_model_with_external_weights_lies_beside_it(inside: Path) -> None:
    (inside / "w.data").write_bytes(bytes(4 * 12))
    model = load(written(external(dense().proto(), "w.data"), inside))
    with pytest.raises(ModelError, match=r"weights .* lie in files beside it"):
        save(model.proto, inside.parent / "copy.onnx", like=model)
    save(model.proto, inside / "copy.onnx", like=model)
    assert (inside / "w.data").read_bytes() == bytes(4 * 12)
    assert load(inside / "copy.onnx").proto == model.proto


def test_a_copy_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    model = load(dense().save(tmp_path / "model.onnx"))
    (tmp_path / "taken").mkdir()
    for target in (tmp_path / "no folder" / "copy.onnx", tmp_path / "taken"):
        with pytest.raises(ModelError, match="cannot write"):
            save(model.proto, target, like=model)
    assert {p.name for p in tmp_path.iterdir()} == {"model.onnx", "taken"}
