"""Reports of a check made up for the renderers: every severity, hostile names, nothing at all."""

from datetime import date

from onnx_affscore.findings import (
    AuditReport,
    Finding,
    Passed,
    RuleText,
    Severity,
    Suppressed,
)
from onnx_affscore.records import ModelInfo
from tests.report.conftest import HOSTILE, LONG

DRIFT = RuleText(
    "AFF101", "site-drift", Severity.ERROR, "the scores", "Something changed.", "Look at it."
)
DEAD = RuleText(
    "AFF201", "dead-features", Severity.WARNING, "dead features", "They do nothing.", "Wake them."
)
MADE_UP = RuleText(
    "AFF301", "synthetic-data", Severity.NOTE, "the data", "They are made up.", "Give real ones."
)
XML_TRAPS = "a\x00b\x1f]]>&amp;<!-- \ud800 \ufffe"


def report(*, path: str = "models/net.onnx", hostile: bool = True) -> AuditReport:
    """Make a report with two errors, a warning, a note, a suppression and places that passed."""
    odd = HOSTILE if hostile else "layer2.act"
    found = (
        Finding(
            rule=DRIFT, severity=Severity.ERROR, message="moved from 0.5 to 0.7", site="layer1.act",
            value=0.2, limit=0.005,
        ),
        Finding(
            rule=DRIFT, severity=Severity.ERROR, message=f"moved; {odd}", site=odd, value=0.1,
            limit=0.005,
        ),
        Finding(
            rule=DEAD, severity=Severity.WARNING, message="0.75, above 0.5", about="cka",
            site=LONG if hostile else "layer3.act", value=0.75, limit=0.5,
        ),
        Finding(
            rule=MADE_UP, severity=Severity.NOTE, message="the data were made up", about="data",
            value="synthetic",
        ),
    )  # fmt: skip
    hidden = Finding(rule=DEAD, severity=Severity.WARNING, message="1, above 0.5", site="layer4")
    return AuditReport(
        model=ModelInfo(path, "0123456789abcdef" * 4, "pytorch", {"": 17}, 8, 1, 1),
        policy=XML_TRAPS if hostile else "policy.toml",
        baseline="baseline.json",
        fail_on=Severity.ERROR,
        rules=(DRIFT, DEAD, MADE_UP),
        findings=found,
        suppressed=(Suppressed(hidden, f"known {odd}" if hostile else "known", date(2027, 1, 31)),),
        passed=(Passed(DRIFT, "layer4"), Passed(DEAD, XML_TRAPS if hostile else "layer5")),
        notes=("sites are paired by name",),
    )


def clean() -> AuditReport:
    """Make a report with nothing to say."""
    return AuditReport(
        model=report().model,
        policy="built-in",
        baseline=None,
        fail_on=Severity.ERROR,
        rules=(),
        findings=(),
        suppressed=(),
        passed=(),
    )
