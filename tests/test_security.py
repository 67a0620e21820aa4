"""SECURITY.md: every promise names a test that is there, and the figures add up."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "SECURITY.md").read_text("utf-8")


def test_every_promise_names_a_test_that_is_there() -> None:
    promised = PAGE.partition("## What is promised")[2].partition("\n## ")[0]
    rows = [line for line in promised.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 8
    for row in rows:
        named = re.search(r"`(tests/\S+\.py)::(test_\w+)`", row)
        assert named, row
        assert f"def {named[2]}(" in (ROOT / named[1]).read_text("utf-8"), row


def test_the_options_it_names_are_options() -> None:
    source = "".join(p.read_text("utf-8") for p in (ROOT / "onnx_affscore/cli").glob("*.py"))
    named = set(re.findall(r"`(--[a-z-]+)`", PAGE))
    assert {o for o in named if f'"{o}"' not in source} == set()
    assert {"--isolate", "--max-seconds", "--max-memory"} <= named


def test_the_figures_of_the_campaign_add_up() -> None:
    rows = [
        [int(cell) for cell in line.split("|")[2:-1]]
        for line in PAGE.splitlines()
        if re.match(r"\| [a-z ]+ \|( \d+ \|){5}", line)
    ]
    assert len(rows) > 3
    for mutants, *outcomes in rows:
        assert sum(outcomes) == mutants
    assert [sum(column) for column in zip(*rows[:-1], strict=True)] == rows[-1]


def test_the_readme_leads_here() -> None:
    assert "(SECURITY.md)" in (ROOT / "README.md").read_text("utf-8")
