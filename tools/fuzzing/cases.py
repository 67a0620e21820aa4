"""One damaged file and the commands it is given to, made from a seed and a number alone."""

import io
import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from tools.fuzzing.byte_mutations import damaged
from tools.fuzzing.proto_mutations import mutated
from tools.fuzzing.seeds import WRITTEN, SeedModel
from tools.fuzzing.text_mutations import mutated_policy, mutated_signature
from tools.fuzzing.values import INTEGERS, REALS

__all__ = ["KINDS", "MODEL", "Case", "Material", "make_case"]

MODEL = "in/model.onnx"
_SCORE = ("--threads", "1", "--jobs", "1", "--device", "cpu", "--seed", "1")
KINDS: Mapping[str, int] = {  # and how often each is drawn
    "structure": 55,
    "model bytes": 17,
    "data": 12,
    "test data": 3,
    "signature": 8,
    "policy": 5,
}


@dataclass(frozen=True, slots=True)
class Material:
    """Sound files to damage: models, and a signature of the first of them."""

    models: Sequence[SeedModel]
    signature: bytes


@dataclass(frozen=True, slots=True)
class Case:
    """Files to write and commands to run, one after the other; ``how`` says what was damaged."""

    number: int
    kind: str
    how: str
    files: Mapping[str, bytes]
    commands: Sequence[Sequence[str]]
    allowed: frozenset[int] = field(default=frozenset({0, 1, 3, 4, 5}))


def make_case(seed: int, number: int, material: Material) -> Case:
    """Return the case of a number; the same seed makes the same."""
    rng = Random(f"{seed} {number}")
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    written, files_of = material.models[:WRITTEN], material.models[WRITTEN:]
    model = rng.choice(written if rng.random() < 0.7 or not files_of else files_of)
    if kind in ("structure", "model bytes"):
        if kind == "structure":
            proto, names = mutated(rng, model.proto())
            content, how = proto.SerializeToString(), ", ".join(names)
        else:
            content, how = damaged(rng, model.content, rng.choice(material.models).content), "bytes"
        files = {MODEL: content, "in/sig.json": material.signature}
        return Case(number, kind, f"{model.name}: {how}", files, _model_commands(rng))
    sound = material.models[0]
    files = {MODEL: sound.content, "in/sig.json": material.signature}
    score = ["score", MODEL, *_SCORE, "--samples", "6", "--json", "out/sig.json", "--data"]
    if kind == "data":
        name, content, how = _data(rng)
        return Case(number, kind, how, files | {name: content}, [[*score, name]])
    if kind == "test data":
        content = _pb(rng)
        files |= {"in/set/input_0.pb": content, "in/set/input_1.pb": content}
        return Case(number, kind, "pb", files, [[*score, "in/set"]])
    if kind == "signature":
        files["in/sig.json"] = mutated_signature(rng, material.signature)
        return Case(number, kind, "json", files, _signature_commands(rng, "in/sig.json"))
    files["in/policy.toml"] = mutated_policy(rng)
    commands = [["check", "in/sig.json", "--policy", "in/policy.toml", "--json", "out/c.json"]]
    return Case(number, kind, "toml", files, commands, frozenset({0, 1, 2, 3}))


def _model_commands(rng: Random) -> list[list[str]]:
    asked = ["--operators", "all", "--composition"] if rng.random() < 0.2 else []
    sites = [["sites", MODEL, "--json", "out/sites.json", *asked]]
    samples = str(rng.choice((4, 8, 16)))
    what = rng.random()
    if what < 0.5:
        score = ["score", MODEL, *_SCORE, "--samples", samples, "--json", "out/sig.json"]
        extra = rng.choice(([], [], ["--html", "out/r.html", "--csv", "out/t.csv"], ["--strict"]))
        later = _signature_commands(rng, "out/sig.json") if rng.random() < 0.25 else []
        return [*sites, [*score, *extra, *asked], *later]
    if what < 0.65:
        tapped = ["instrument", MODEL, "-o", "out/tapped.onnx"]
        return [*sites, tapped, ["sites", "out/tapped.onnx"]]
    if what < 0.75:
        return [["annotate", MODEL, "in/sig.json", "--force", "-o", "out/annotated.onnx"]]
    if what < 0.82:
        return [["check", MODEL, *_SCORE, "--samples", samples, "--sarif", "out/c.sarif"]]
    if what < 0.87:
        return [["report", "in/sig.json", "--model", MODEL, "-o", "out/r.netron.json"]]
    return sites


def _signature_commands(rng: Random, path: str) -> list[list[str]]:
    files = {"--markdown": "md", "--junit": "xml", "--sarif": "sarif", "--json": "json"}
    options = [part for name, end in files.items() for part in (name, f"out/check.{end}")]
    ends = ("html", "md", "csv", "netron.json", "model-explorer.json", "json")
    return [
        ["report", path, "-o", f"out/report.{rng.choice(ends)}"],
        ["check", path, *options],
        ["compare", path, "in/sig.json", "--json", "out/compare.json", "--csv", "out/compare.csv"],
    ]


def _data(rng: Random) -> tuple[str, bytes, str]:
    values = np.random.default_rng(rng.randrange(99)).normal(size=(8, 4)).astype(np.float32)
    values[rng.randrange(8)] = rng.choice((*REALS, 1.0, 1.0, 1.0))
    what = rng.randrange(7)
    if what < 3:
        content = [_npy(values), _lying_npy(rng, values), _objects()][what]
        return "in/x.npy", damaged(rng, content, b"PK") if rng.random() < 0.4 else content, "npy"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        if what == 3:
            _add(archive, "x.npy", _npy(values))
        elif what == 4:
            _add(archive, "x.npy", _lying_npy(rng, values))
        elif what == 5:
            _add(archive, rng.choice(("../x.npy", "/x.npy", "a\x1b.npy", "x.npy")), _objects())
        else:
            _add(archive, "x.npy", _bomb())
    content = buffer.getvalue()
    return "in/x.npz", damaged(rng, content, b"\x93NUMPY") if rng.random() < 0.5 else content, "npz"


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Without the time of day, so that a case is the same bytes each time."""
    member = zipfile.ZipInfo(name)
    member.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(member, content)


def _npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _header(text: str) -> bytes:
    head = text.encode("latin-1", "replace").ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head


def _lying_npy(rng: Random, values: Any) -> bytes:
    """A header that says other dimensions or another type than what follows has."""
    shape = rng.choice((8, *INTEGERS)), rng.choice((4, *INTEGERS))
    kind = rng.choice(
        ("<f4", "<f8", "|O", "<U99999999", "|V4", "<M8[s]", "<c8", ">f4", "[('a','f4')]")
    )
    text = f"{{'descr': {kind!r}, 'fortran_order': {rng.random() < 0.2}, 'shape': {shape}, }}"
    content: bytes = values.tobytes()
    return _header(text) + content


def _bomb() -> bytes:
    """60 MB of zeros, which compress a thousandfold."""
    return _header("{'descr': '<f4', 'fortran_order': False, 'shape': (3750000, 4), }") + bytes(
        60_000_000
    )


def _objects() -> bytes:
    """An array of Python objects, whose pickle would write a file."""
    pickled = b'cbuiltins\nexec\n(S\'open("out/pickled","w")\'\ntR.'
    return _header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }") + pickled


def _pb(rng: Random) -> bytes:
    array = np.ones((4, 4), np.float32)
    tensor = numpy_helper.from_array(array, "x")
    what = rng.randrange(5)
    if what == 0:
        tensor.dims[0] = rng.choice(INTEGERS)
    elif what == 1:
        tensor.data_type = rng.choice(range(30))
    elif what == 2:
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../secret.bin")
    elif what == 3:
        tensor.raw_data = tensor.raw_data[:7]
    content = tensor.SerializeToString()
    return damaged(rng, content, json.dumps({}).encode()) if rng.random() < 0.4 else content
