"""Tensors that are not what they say: refused when the file is read, wherever it is used."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnx_affscore import api, signature
from onnx_affscore.errors import ModelError
from onnx_affscore.graph.model import load
from onnx_affscore.graph.tensors import array_of, check_tensors
from tests.builder import Builder

# Those of which this version of onnx knows.
PACKED = sorted(
    {"INT2", "UINT2", "INT4", "UINT4", "FLOAT4E2M1", "FLOAT6E2M3", "FLOAT6E3M2"}
    & {*TensorProto.DataType.keys()}
)
ELEMENTS = [n for n, v in TensorProto.DataType.items() if v not in (0, TensorProto.STRING)]


def model() -> onnx.ModelProto:
    g = Builder()
    g.output(g.dense(g.op("Relu", g.dense(g.input(["n", 4]), 4, 3)), 3, 2), ["n", 2])
    return g.proto()


def changed(change: Callable[[TensorProto], object], folder: Path) -> Path:
    """The path of a model whose first weights are changed."""
    proto = model()
    change(proto.graph.initializer[0])
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def outside(**told: str) -> Callable[[TensorProto], None]:
    def change(tensor: TensorProto) -> None:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in told.items():
            tensor.external_data.add(key=key, value=value)

    return change


def lies(
    *, dims: list[int] | None = None, raw: bytes | None = None, element: int | None = None
) -> Callable[[TensorProto], None]:
    def change(tensor: TensorProto) -> None:
        tensor.dims[:] = tensor.dims if dims is None else dims
        tensor.raw_data = tensor.raw_data if raw is None else raw
        tensor.data_type = tensor.data_type if element is None else element

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lies(dims=[2**31, 2**31]),
            r"FLOAT \[2147483648, 2147483648\], which takes \d+ bytes",
        ),
        (lies(dims=[2**62, 2**62, 4]), "takes .* bytes, and 48 are there"),
        (lies(dims=[-4, -3]), r"is declared FLOAT \[-4, -3\]; wanted no dimension below 0"),
        (lies(dims=[-1, 12]), r"FLOAT \[-1, 12\]; wanted no dimension below 0"),
        (lies(dims=[0, 2**62]), "takes 0 bytes, and 48 are there"),
        (lies(dims=[1] * 200_000), r"takes 4 bytes"),
        (lies(raw=bytes(47)), "takes 48 bytes, and 47 are there"),
        (lies(raw=bytes(49)), "takes 48 bytes, and 49 are there"),
        (lies(element=99), "element type 99; wanted one that ONNX"),
        (lies(element=-1), "element type -1"),
        (lies(element=0), "element type 0"),
        (lambda t: t.ClearField("raw_data"), "takes 12 values, and 0 are there"),
    ],
)
def test_what_does_not_fit_the_bytes_there_is_refused(
    change: Callable[[TensorProto], object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        load(changed(change, tmp_path))
    assert "'w_1'" in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"location": "w.data", "offset": "-1"}, "the offset '-1'; wanted a number of bytes"),
        ({"location": "w.data", "offset": "x"}, "the offset 'x'"),
        ({"location": "w.data", "offset": "\u0663"}, "the offset"),
        ({"location": "w.data", "offset": "9" * 5000}, "the offset"),
        ({"location": "w.data", "offset": "1"}, "takes 48 bytes, and 47 are there"),
        (
            {"location": "w.data", "offset": str(2**63)},
            f"from byte {2**63} of 'w.data' on, and 48 bytes are there",
        ),
        ({"location": "w.data", "offset": "49"}, "from byte 49 of 'w.data' on, and 48 bytes"),
        ({"location": "w.data", "offset": "48"}, "takes 48 bytes, and 0 are there"),
        ({"location": "w.data", "length": "-48"}, "the length '-48'"),
        ({"location": "w.data", "length": "49"}, "in 49 bytes of 'w.data', and 48 are there"),
        (
            {"location": "w.data", "offset": "8", "length": str(2**50)},
            f"in {2**50} bytes of 'w.data', and 40 are there",
        ),
        ({"location": "folder"}, "missing or no regular file"),
        ({"location": "fifo"}, "missing or no regular file"),
        ({"location": "circle"}, "no path|missing"),
        ({"location": "a\0b"}, "no path"),
        ({"location": "n" * 5000}, "no path|missing"),
        ({"location": "w.data/../../../../etc/passwd"}, "outside the model's folder|no path"),
        ({"location": "//server/share"}, "outside the model's folder"),
        ({"location": "\\\\server\\share"}, "outside the model's folder"),
        ({"location": "C:w.data"}, "outside the model's folder"),
    ],
)
def test_external_data_that_are_not_there_are_refused(
    told: dict[str, str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "w.data").write_bytes(bytes(48))
    (tmp_path / "folder").mkdir()
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ModelError, match=message) as caught:
        load(changed(outside(**told), tmp_path))
    assert len(str(caught.value)) < 600


def test_a_place_that_is_told_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.data").write_bytes(bytes(48))

    def change(tensor: TensorProto) -> None:
        outside(location="w.data")(tensor)
        tensor.external_data.add(key="location", value="../secret")

    with pytest.raises(ModelError, match="says twice where its data lie"):
        load(changed(change, tmp_path))


def test_every_way_in_refuses_external_data_outside_the_folder(tmp_path: Path) -> None:
    path, out = changed(outside(location="../secret"), tmp_path), tmp_path / "out.onnx"
    sound = tmp_path / "sound.onnx"
    sound.write_bytes(model().SerializeToString())
    scored = signature(sound, samples=8)
    for enter in (
        lambda: signature(path, samples=8),
        lambda: api.instrumented(path, out),
        lambda: api.annotated(path, scored, out, force=True),
        lambda: api.placed(path, scored),
    ):
        with pytest.raises(ModelError, match="outside the model's folder"):
            enter()
    assert not out.exists()


@pytest.mark.parametrize("name", ELEMENTS)
@pytest.mark.parametrize("raw", [True, False])
def test_a_sound_tensor_of_any_type_is_taken(name: str, raw: bool, tmp_path: Path) -> None:
    element = TensorProto.DataType.Value(name)
    kind = helper.tensor_dtype_to_np_dtype(element)
    values = np.ones(5, kind)
    tensor = (
        numpy_helper.from_array(values, "w")
        if raw
        else helper.make_tensor("w", element, [5], values)
    )
    proto = model()
    proto.graph.initializer.append(tensor)
    check_tensors(proto, tmp_path / "model.onnx", tmp_path)


def test_text_is_counted(tmp_path: Path) -> None:
    proto = model()
    words = numpy_helper.from_array(np.array(["a", "b"], object), "w")
    proto.graph.initializer.append(words)
    check_tensors(proto, tmp_path, tmp_path)
    proto.graph.initializer[-1].dims[0] = 3
    with pytest.raises(ModelError, match="takes 3 values, and 2 are there"):
        check_tensors(proto, tmp_path, tmp_path)


def test_external_values_are_mapped_from_their_place(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.float32)
    (tmp_path / "w.data").write_bytes(bytes(8) + values.tobytes())
    path = changed(outside(location="w.data", offset="8", length="48"), tmp_path)
    found = array_of(load(path).proto.graph.initializer[0], tmp_path)
    assert isinstance(found, np.memmap)
    assert (found == values.reshape(4, 3)).all()


def test_a_symbolic_link_is_followed_inside_and_a_hard_link_is_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    values = np.arange(12, dtype=np.float32)
    (tmp_path / "store").write_bytes(values.tobytes())
    (folder / "hard").hardlink_to(tmp_path / "store")
    (folder / "inside").symlink_to("hard")
    (folder / "outside").symlink_to("../store")
    for name in ("hard", "inside"):
        proto = load(changed(outside(location=name), folder)).proto
        assert (array_of(proto.graph.initializer[0], folder) == values.reshape(4, 3)).all()
    with pytest.raises(ModelError, match="'outside', outside the model's folder"):
        load(changed(outside(location="outside"), folder))


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("shape", [(6,), (7,), (1,), (3, 5), (2, 2, 2), (), (0, 3)])
@pytest.mark.parametrize("place", ["raw", "file"])
def test_elements_that_share_bytes_are_unpacked(
    name: str, shape: tuple[int, ...], place: str, tmp_path: Path
) -> None:
    kind = helper.tensor_dtype_to_np_dtype(TensorProto.DataType.Value(name))
    count, patterns = np.prod(shape, dtype=int), 2 ** int(name.strip("UINTFLOA")[0])
    values = ((np.arange(count) * 5 + 1) % patterns).astype(np.uint8).view(kind).reshape(shape)
    tensor = numpy_helper.from_array(values, "w")
    if place == "file":
        (tmp_path / "w.data").write_bytes(bytes([255] * 3) + tensor.raw_data + bytes([255] * 9))
        outside(location="w.data", offset="3")(tensor)
    found = array_of(tensor, tmp_path)
    assert (found.dtype, found.shape) == (kind, shape)
    assert found.tolist() == values.tolist()
