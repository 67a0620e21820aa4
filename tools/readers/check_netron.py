"""Check attachments by the reader that Netron ships: its classes are run by Node.js."""

import json
import re
import subprocess
import sys
from pathlib import Path

import netron
import onnx

# Reads {content, wanted: [[kind, name]]} on stdin, prints the metrics of each as Netron lists them.
_PROGRAM = """
const view = { Context: class { constructor(context) { Object.assign(this, context); } } };
const metadata = {};
%s
const { content, wanted } = JSON.parse(require('fs').readFileSync(0, 'utf-8'));
(async () => {
    const attachment = new metadata.Attachment();
    const context = { identifier: 'a.json', peek: async () => content };
    if (!await attachment.open(context)) { throw new Error('not taken for an attachment'); }
    const lists = wanted.map(([kind, name]) => attachment.metrics[kind]({ name }));
    console.log(JSON.stringify(lists));
})();
"""


def reader() -> str:
    """Return the source of Netron's classes that read an attachment."""
    source = (Path(netron.__file__).parent / "view.js").read_text("utf-8")
    names = ("metadata.Attachment", "metadata.Attachment.Container", "metadata.Argument")
    found = [re.search(rf"^{re.escape(n)} = class \{{.*?^\}};", source, re.M | re.S) for n in names]
    assert all(found), "Netron's reader has moved: read source/view.js again"
    return "\n".join(m.group() for m in found if m)


def check(model: Path) -> int:
    """Return at how many nodes and tensors the score is shown; it must be at all of them."""
    nodes = {n.name: n for n in onnx.load(model, load_external_data=False).graph.node}
    wanted = [
        ([kind, name], site["affinity"])
        for site in json.loads(model.with_suffix(".wanted").read_text())
        for kind, name in (*(("node", n) for n in site["nodes"]), ("value", site["output"]))
    ]
    assert {name for (kind, name), _ in wanted if kind == "node"} <= set(nodes)
    content = json.loads(model.with_suffix(".netron.json").read_text())
    question = {"content": content, "wanted": [place for place, _ in wanted]}
    done = subprocess.run(
        ["node", "-e", _PROGRAM % reader()],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=True,
    )
    for (place, affinity), shown in zip(wanted, json.loads(done.stdout), strict=True):
        values = {entry["name"]: entry["value"] for entry in shown}
        assert abs(values["affinity"] - affinity) < 1e-5, place
    return len(wanted)


if __name__ == "__main__":
    for path in sorted(Path(sys.argv[1]).glob("*.onnx")):
        print(f"Netron, {path.name}: shown at {check(path)} nodes and tensors")
