"""Signature files of earlier versions are read, and the page on the file names every field."""

import json
import re
import socket
from importlib.resources import files
from pathlib import Path

import pytest

from onnx_affscore import Signature, compare, signature
from onnx_affscore.report.signature_json import dumps, loads

ROOT = Path(__file__).parents[2]
OLD = sorted((Path(__file__).parent / "old").glob("*.json"))
SCHEMA = json.loads((files("onnx_affscore.report") / "schema.json").read_text())
PAGE = (ROOT / "docs" / "signature-file.md").read_text()


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_a_file_of_an_earlier_version_is_read_and_compared(path: Path) -> None:
    found = Signature.from_json(path)
    document = json.loads(path.read_text())
    assert [s.affinity for s in found.sites] == [s["scores"]["affinity"] for s in document["sites"]]
    assert found.summary["mean"] == document["summary"]["mean"]
    again = loads(dumps(found))
    assert [s.affinity for s in again.sites] == [s.affinity for s in found.sites]
    assert loads(dumps(again)) == again
    assert len(compare([found, found], labels=["a", "b"]).members) == 2


def test_there_is_an_earlier_version_to_read() -> None:
    assert OLD
    assert "adequacy" not in OLD[0].read_text()


def test_the_page_names_every_field() -> None:
    told = set(re.findall(r"`(\w+)`", PAGE))
    top, site = SCHEMA["properties"], SCHEMA["$defs"]["site"]["properties"]
    parts = [top, *(top[name]["properties"] for name in ("model", "data", "run"))]
    parts += [SCHEMA["$defs"][name]["properties"] for name in ("summary", "class", "class_site")]
    parts += [site, site["rank"].get("properties", {}), site["transport"]["properties"]]
    parts += [site["adequacy"]["properties"], site["details"]["properties"]]
    assert {name for part in parts for name in part} - told == set()


def test_nothing_is_sent_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    data = [str(ROOT / "models" / "digits.npz")]
    found = signature(ROOT / "models" / "sklearn_mlp.onnx", data, samples=64)
    assert compare([found, found], labels=["a", "b"]).members
