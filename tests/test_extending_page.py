"""The examples of docs/extending.md are a package that works, installed as the page says."""

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import invalidate_caches
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.io import savemat

from onnx_affscore import Signature, plugins
from onnx_affscore.cli.main import main
from tests.builder import Builder
from tests.extras import install

PAGE = (Path(__file__).parent.parent / "docs" / "extending.md").read_text()
NAME = "affscore_extras"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the model and the data of the page's commands, and the package installed."""
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    (tmp_path / "packages").mkdir()
    entries = tomllib.loads(toml)["project"]["entry-points"]
    install(tmp_path / "packages", NAME, code, entries=entries)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    invalidate_caches()
    monkeypatch.chdir(tmp_path)
    b = Builder()
    x = b.dense(b.input(["n", 3]), 3, 3)
    b.output(b.dense(b.op("Relu", x), 3, 2), ["n", 2])
    b.save(tmp_path / "model.onnx")
    rows = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    savemat(tmp_path / "rows.mat", {b.inputs[0].name: rows})
    plugins.forget()
    yield tmp_path
    plugins.forget()
    sys.modules.pop(NAME, None)


def test_the_commands_of_the_page_do_what_it_says(place: Path) -> None:
    commands = re.findall(r"^    onnx-affscore (.*)$", PAGE, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        done = CliRunner().invoke(
            main, command.split(), standalone_mode=False, catch_exceptions=False
        )
        assert done.return_value in (0, None), done.output
    (site,) = Signature.from_json(place / "sig.json").sites
    assert isinstance(site.scores["mean_shift"], float)
    assert (place / "table.tex").read_text() == (
        f"\\begin{{tabular}}{{lr}}\nRelu & {site.affinity:.3f} \\\\\n\\end{{tabular}}\n"
    )
