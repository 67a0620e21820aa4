"""Exit codes have one place, and are those that the page for pipelines lists."""

import ast
import re
from pathlib import Path

import pytest

from onnx_affscore import cli, errors
from onnx_affscore.cli import codes

COMMANDS = [p for p in Path(cli.__path__[0]).glob("*.py") if p.name != "codes.py"]
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "auditing.md"
TERMINATED = codes.BY_SIGNAL + 15
OURS = {getattr(codes, name) for name in codes.__all__} | {TERMINATED}
NUMBERS = OURS | {e.exit_code for e in vars(errors).values() if hasattr(e, "exit_code")}


def numbers(value: ast.expr | None, named: dict[str, ast.expr]) -> set[int]:
    """The whole numbers that an expression may be, outside calls."""
    if isinstance(value, ast.Constant) and type(value.value) is int:
        return {value.value}
    if isinstance(value, ast.IfExp):
        return numbers(value.body, named) | numbers(value.orelse, named)
    return numbers(named.get(value.id), named) if isinstance(value, ast.Name) else set()


def written(source: str) -> set[int]:
    """The codes that functions of a module return as numbers, or under a name of its own."""
    tree = ast.parse(source)
    named: dict[str, ast.expr] = {}
    for line in tree.body:
        if isinstance(line, ast.AnnAssign) and line.value is not None:
            named[ast.unparse(line.target)] = line.value
        if isinstance(line, ast.Assign):
            (target, *_), value = line.targets, line.value
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = [*zip(target.elts, value.elts, strict=True)]
            named |= {ast.unparse(name): given for name, given in pairs}
    returned = [n.value for n in ast.walk(tree) if isinstance(n, ast.Return)]
    return set().union(*(numbers(value, named) for value in returned)) & NUMBERS


@pytest.mark.parametrize("module", COMMANDS, ids=lambda p: p.stem)
def test_no_command_has_a_code_of_its_own(module: Path) -> None:
    assert written(module.read_text("utf-8")) == set()


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n return 3 if failed else 0",
        "_LOST = 5\ndef f():\n return _LOST",
        "_BAD, _LOST = 1, 3\ndef f():\n return _LOST",
        "_LOST: Final = 130\ndef f():\n return 0 if done else _LOST",
    ],
)
def test_a_code_of_its_own_would_be_found(source: str) -> None:
    assert written(source)


def test_the_page_lists_the_codes_below_those_of_signals() -> None:
    listed = {int(n) for n in re.findall(r"^\| (\d) \|", PAGE.read_text("utf-8"), re.MULTILINE)}
    assert listed == {0} | {n for n in NUMBERS if n < codes.BY_SIGNAL}


def test_troubleshooting_and_the_read_me_list_all_codes() -> None:
    wanted = {0} | NUMBERS - {codes.BY_SIGNAL}
    table = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    assert {int(n) for n in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == wanted
    sentence = re.search(r"Exit codes: (.*?)\.", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert sentence is not None
    assert {int(n) for n in re.findall(r"\d+", sentence[1])} == wanted
