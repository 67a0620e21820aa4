"""The chart library is the file that its authors published, with its licence beside it."""

import hashlib
import re
from importlib.resources import files

from onnx_affscore.report.html_assets import SERIES, UPLOT, script, style
from onnx_affscore.report.marks import KINS

VENDOR = files("onnx_affscore.report") / "vendor"


def test_vendored_files_have_the_digests_of_the_list() -> None:
    listed = re.findall(
        r"\| `(uplot/[^`]+)` .*`([0-9a-f]{64})`", (VENDOR / "README.md").read_text()
    )
    assert {name for name, _ in listed} == {"uplot/uPlot.iife.min.js", "uplot/uPlot.min.css"}
    for name, digest in listed:
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest


def test_the_page_carries_the_licence_and_the_right_version() -> None:
    assert f"uPlot (v{UPLOT})" in (VENDOR / "uplot" / "uPlot.iife.min.js").read_text()[:100]
    assert f"uPlot {UPLOT}\nThe MIT License (MIT)\n\nCopyright" in script()
    assert "github.com" not in script()


def test_nothing_in_script_or_style_ends_its_element() -> None:
    assert "</" not in script()
    assert "<!--" not in script()
    assert "</" not in style()


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _variables(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+[a-z0-9-]*): (#[0-9a-fA-F]{3,6})", block))


def test_text_and_lines_stand_out_on_both_grounds() -> None:
    sheet = style()
    light = sheet[sheet.index(":root {") : sheet.index("@media (prefers-color-scheme: dark)")]
    dark = sheet[sheet.index(':root[data-theme="dark"]') : sheet.index("* { box-sizing")]
    for block in (light, dark):
        found = _variables(block)
        found["ground"] = found["ground"].replace("#fff", "#ffffff")
        for text in ("ink", "soft", "alert", "link"):
            for ground in ("ground", "panel"):
                assert _contrast(found[text], found[ground]) >= 4.5, (text, ground)
        assert _contrast(found["alert"], found["alert-ground"]) >= 4.5
        for line in ("edge", "before", "after", *(f"series-{i}" for i in range(len(SERIES)))):
            assert _contrast(found[line], found["ground"]) >= 3.0, line
    assert _contrast("#777777", "#ffffff") < 4.5  # the formula has a tooth
    assert set(KINS) <= set(_variables(light))
