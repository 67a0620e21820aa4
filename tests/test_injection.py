"""Names of a model in every file that we write: shown, never obeyed."""

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from onnx_affscore import Signature, signature
from onnx_affscore.audit.check import check
from onnx_affscore.audit.policy import BUILT_IN
from onnx_affscore.cli.main import run
from onnx_affscore.report import FORMATS
from onnx_affscore.report.comparison_output import write_all_kinds
from onnx_affscore.report.findings_output import FINDING_FORMATS
from onnx_affscore.statistics.compare import compare
from tests.builder import Builder

HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    "<!--<![CDATA[]]>&amp;",
    "=HYPERLINK(1)",
    "@SUM(1)",
    "|`a`|[b](javascript:c)\n# d",
    "a\x1b[2J\r\n::error::b\u202e\x00",
    "../../../../escape",
    "{{7*7}}${7*7}%s%n",
]
_DAY = date(2026, 1, 1)
STEERS = {c for c in map(chr, range(0x110000)) if not c.isprintable()} - {"\n"}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(name for name, _ in attrs)))


def scored(name: str, folder: Path) -> Signature:
    """A signature of a model in which nodes, tensors and the producer are called so."""
    g = Builder()
    hidden = g.dense(g.input(["n", 4]), 4, 3)
    hidden = g.op("Relu", hidden, node_name=name)
    g.output(g.dense(g.op("Sign", hidden, node_name=name + "2"), 3, 2), ["n", 2])
    proto = g.proto()
    proto.producer_name = proto.graph.name = proto.doc_string = name
    for node in proto.graph.node:
        node.output[:] = [name if o == hidden else o for o in node.output]
        node.input[:] = [name if i == hidden else i for i in node.input]
    (folder / "model.onnx").write_bytes(proto.SerializeToString())
    return signature(folder / "model.onnx", samples=9)


def tags(page: str) -> set[tuple[str, tuple[str, ...]]]:
    parser = Tags()
    parser.feed(page)
    return set(parser.seen)


def scripts(page: str) -> int:
    parser = Tags()
    parser.feed(page)
    return sum(tag == "script" for tag, _ in parser.seen)


def is_page(text: str, plain: str) -> None:
    assert scripts(text) == scripts(plain)
    assert tags(text) == tags(plain)


def is_json(text: str, plain: str) -> None:
    assert json.loads(text).keys() == json.loads(plain).keys()
    assert text.isascii() or "</" not in text


def is_table(text: str, plain: str) -> None:
    rows = list(csv.reader(io.StringIO(text)))
    assert {len(row) for row in rows} == {len(r) for r in csv.reader(io.StringIO(plain))}
    starts = {cell[0] for row in rows for cell in row if cell and not _number(cell)}
    assert not starts & set("=+-@\t")


def is_markdown(text: str, plain: str) -> None:
    outside = re.sub(r"(`+).*?\1", "", text)  # in a code span nothing is obeyed
    assert not re.search(r"<(?!/?(details|summary|br)>)\w|\]\(", outside)
    assert text.count("\n") == plain.count("\n")


def is_xml(text: str, plain: str) -> None:
    def kinds(content: str) -> set[str]:
        return {element.tag for element in ElementTree.fromstring(content).iter()}

    assert kinds(text) == kinds(plain)


CHECKS: dict[str, Callable[[str, str], None]] = {
    "html": is_page,
    "json": is_json,
    "csv": is_table,
    "markdown": is_markdown,
    "netron": is_json,
    "model-explorer": is_json,
    "svg": is_xml,
    "junit": is_xml,
    "sarif": is_json,
}


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_a_name_in_every_format(name: str, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    plain, odd = scored("relu", tmp_path / "plain"), scored(name, tmp_path)
    renderers = {n: f.render for n, f in FORMATS.items()}
    findings = {n: f.render for n, f in FINDING_FORMATS.items()}
    for kind in renderers.keys() & CHECKS.keys():
        render = renderers[kind]
        text, other = render(odd), render(plain)
        if isinstance(text, str) and isinstance(other, str):
            _holds(kind, text, other)
    reports = [check(s, BUILT_IN, today=_DAY) for s in (odd, plain)]
    for kind, shown in findings.items():
        _holds(kind, shown(reports[0]), shown(reports[1]))


def _holds(kind: str, text: str, plain: str) -> None:
    assert not set(text.replace("\r\n", "\n")) & STEERS - set(plain), kind
    if kind in CHECKS:
        CHECKS[kind](text, plain)


@pytest.mark.parametrize("name", ["../../../../escape", "C:\\x\n/etc/passwd\0"])
def test_names_choose_no_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[set[Path]] = []
    for each in ("relu", name):
        folder = tmp_path / str(len(written))
        (folder / "in").mkdir(parents=True)
        monkeypatch.chdir(folder)
        sig = scored(each, folder / "in")
        sig.to_json(folder / "in" / "s.json")
        with pytest.raises(SystemExit):
            run(["report", "in/s.json", "-o", "page.html"])
        comparison = compare([sig, sig], labels=[each, f"{each}2"])
        (folder / "all").mkdir()
        write_all_kinds(comparison, folder / "all")
        written.append({p.relative_to(folder) for p in folder.rglob("*")})
    assert written[0] == written[1]
    assert {p.name for p in tmp_path.iterdir()} == {"0", "1"}
