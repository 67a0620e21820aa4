"""Model files of many exporters, where a collection of them is at hand: ``sites`` never breaks."""

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from onnx_affscore.cli.main import run

_FOLDERS = (p / "shared" / "corpus" for p in Path(__file__).resolve().parents)
CORPUS = next((p for p in _FOLDERS if (p / "catalogue.json").is_file()), None)
ENTRIES: list[dict[str, Any]] = (
    json.loads((CORPUS / "catalogue.json").read_text("utf-8")) if CORPUS else []
)
FILES: dict[str, list[str]] = defaultdict(list)
for entry in ENTRIES:
    FILES[entry["category"]].append(entry["file"])
HARMLESS = {0, 3, 4}


@pytest.mark.skipif(CORPUS is None, reason="shared/corpus is not here")
@pytest.mark.parametrize("category", FILES)
def test_sites_of_every_file_end_in_an_exit_code_of_the_contract(
    category: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert CORPUS is not None
    for file in FILES[category]:
        with pytest.raises(SystemExit) as caught:
            run(["sites", str(CORPUS / file), "--json", os.devnull])
        captured = capfd.readouterr()
        assert caught.value.code in HARMLESS, file
        assert "internal error" not in captured.err, file
        assert (captured.err == "") == (caught.value.code != 3), file
