"""``check MODEL_OR_SIG``: the gate for pipelines."""

from datetime import datetime
from functools import partial
from typing import Any

import click

from onnx_affscore.cli.codes import COULD_NOT_ANALYSE, INCOMPLETE, NOT_PASSED
from onnx_affscore.cli.grouped import Grouped
from onnx_affscore.cli.isolate import isolatable
from onnx_affscore.cli.measuring import SCORING
from onnx_affscore.cli.progress import progress_line
from onnx_affscore.cli.shared import DEBUG, say_warnings
from onnx_affscore.cli.talk import say

__all__ = ["command"]

_FILE = click.Path(dir_okay=False, allow_dash=True)
_INPUT = click.Path(exists=True, dir_okay=False)
_FORMATS = ("text", "json", "markdown", "junit", "sarif")
_OWN = {
    "Gate": (
        "policy_file", "baseline_file", "influence", "baseline_influence", "write_policy", "day",
    ),
    "Findings": (
        "kind", "output", "json_file", "markdown_file", "junit_file", "sarif_file",
        "signature_file",
    ),
}  # fmt: skip


@click.command(
    name="check",
    cls=Grouped,
    own=_OWN,
    short_help="Hold a model or a signature against a policy.",
)
@click.argument("model_or_sig", type=_INPUT)
@click.option("--policy", "policy_file", type=_INPUT, help="TOML [default: the built-in policy].")
@click.option("--baseline", "baseline_file", type=_INPUT, help="The signature to compare with.")
@click.option("--influence", type=_INPUT, help="What 'score --influence' wrote for SIG.")
@click.option("--baseline-influence", type=_INPUT, help="The same for the baseline.")
@click.option(
    "--write-policy", type=_FILE, help="Write a policy that the signature keeps, and check nothing."
)
@click.option(
    "--date",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    help="For suppressions that expire [default: today].",
)
@click.option("--format", "kind", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option(
    "-o", "--output", type=_FILE, default="-", help="Where --format goes [default: stdout]."
)
@click.option("--json", "json_file", type=_FILE, help="Write the findings for programs.")
@click.option("--markdown", "markdown_file", type=_FILE, help="Write them for a pull request.")
@click.option("--junit", "junit_file", type=_FILE, help="Write them as JUnit XML.")
@click.option("--sarif", "sarif_file", type=_FILE, help="Write them as SARIF 2.1.0.")
@click.option("--signature", "signature_file", type=_FILE, help="Write the signature too.")
@click.option("--strict", is_flag=True, help="Exit with 5 where a selected site has no score.")
@click.option("--quiet", is_flag=True, help="No text on stdout, no warnings.")
@SCORING
@isolatable
@DEBUG
def command(model_or_sig: str, **options: Any) -> int:
    """Hold a saved signature, or a model that is scored first, against a policy.

    The exit code is 1 where the policy is violated. Options of a measurement (--data, --samples,
    --device, ...) count for a model. 'onnx-affscore rules' explains the codes.
    """
    from onnx_affscore import gate
    from onnx_affscore.audit.check import check
    from onnx_affscore.audit.policy import BUILT_IN, load_policy
    from onnx_affscore.audit.starting import starting_policy
    from onnx_affscore.report import findings_output, output, write
    from onnx_affscore.report.files import unwritten

    keep, kind, quiet = options.pop("signature_file"), options.pop("kind"), options.pop("quiet")
    files = {name: options.pop(f"{name}_file") for name in _FORMATS[1:]}
    start, strict = options.pop("write_policy"), options.pop("strict")
    plan = findings_output.planned_findings(
        files | {"signature": keep, "write_policy": start}, kind, options.pop("output"), quiet=quiet
    )
    gate.refuse_to_overwrite(start)
    policy_file, baseline_file = options.pop("policy_file"), options.pop("baseline_file")
    policy = BUILT_IN if policy_file is None else load_policy(policy_file)
    day: datetime = options.pop("day") or datetime.now().astimezone()
    theirs = options.pop("baseline_influence")
    with progress_line(hidden=quiet) as progress:
        signature, influences = gate.subject(
            model_or_sig,
            options.pop("data"),
            paired=theirs is not None,
            progress=progress,
            **options,
        )
    say_warnings(signature.warnings, hidden=quiet)
    failed = unwritten(partial(output.write_as, signature, "json", f) for f in [keep] if f)
    baseline = None
    if baseline_file is not None:
        baseline = gate.baseline_of(baseline_file, influences, theirs)
    if start is not None:
        policy_text = starting_policy(signature, today=day.date(), baseline=baseline)
        failed += unwritten([partial(write, start, policy_text)])
        return _told(failed)
    report = check(signature, policy, today=day.date(), baseline=baseline)
    failed += unwritten(partial(findings_output.write_findings, report, *to) for to in plan)
    code = _told(failed)
    if report.violated or code:
        return NOT_PASSED if report.violated else code
    return INCOMPLETE if strict and output.incomplete(signature) else 0


def _told(failed: list[str]) -> int:
    """Say what could not be written, and return the exit code for that."""
    for text in failed:
        say(f"error: {text}")
    return COULD_NOT_ANALYSE if failed else 0
