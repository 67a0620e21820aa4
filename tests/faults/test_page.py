"""The messages that docs/troubleshooting.md quotes are those that the package writes."""

import re
from pathlib import Path

import pytest

import onnx_affscore

PACKAGE = Path(onnx_affscore.__file__).parent
PAGE = (PACKAGE.parent / "docs" / "troubleshooting.md").read_text("utf-8")
# Adjacent literals are one message, written over several lines.
SOURCE = re.sub(
    r'"\s*\n?\s*f?"',
    "",
    "\n".join(path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))),
)
QUOTED = [
    quote
    for line in PAGE.split("## Errors")[1].splitlines()
    if line.startswith("| `") and "from ONNX Runtime" not in line
    for quote in re.findall(r"`([^`]+)`", line.split("|")[1])
]


def test_the_page_quotes_messages() -> None:
    assert len(QUOTED) > 30


@pytest.mark.parametrize("quote", QUOTED)
def test_a_quoted_message_is_written_somewhere(quote: str) -> None:
    assert quote in SOURCE


def test_the_page_is_linked_and_its_links_lead_somewhere() -> None:
    assert "docs/troubleshooting.md" in (PACKAGE.parent / "README.md").read_text("utf-8")
    for link in re.findall(r"\]\((?!http)([^)#]+)", PAGE):
        assert (PACKAGE.parent / "docs" / link).is_file()
