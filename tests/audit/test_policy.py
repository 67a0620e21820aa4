"""Policies are read with care: every mistake is named by its place."""

from datetime import date

import pytest

from onnx_affscore.audit.policy import BUILT_IN, KINDS, load_policy, parse_policy
from onnx_affscore.audit.rules import RULES
from onnx_affscore.errors import OptionError
from onnx_affscore.findings import Severity

GOOD = """
version = 1
fail_on = "warning"

[[rule]]
code = "AFF001"
severity = "note"
match = "^layer1"
activation = "Relu"
role = ["hidden", "gate"]
min = 0
max = 0.9

[[rule]]
code = "dead-features"

[[suppress]]
code = "AFF001"
site = "layer1.0"
reason = "known since the first training"
until = 2027-01-31
"""
SUPPRESS = '[[suppress]]\ncode = "AFF001"\n'
WRONG = {
    "version 1": "is no TOML: ",
    "": r"version is 'none'; wanted version = 1",
    "version = 2": "version is 2; wanted version = 1",
    "version = 1": r"has no \[\[rule\]\]",
    "version = 1\nrules = 1": "no key 'rules'; wanted some of version, fail_on",
    "version = 1\nrule = 1": r"rule is no list of tables; write \[\[rule\]\]",
    'version = 1\nextends = "x"': "extends is 'x'; wanted",
    'version = 1\nextends = "default"\nfail_on = "never"': "fail_on is 'never'; wanted one of e",
    "version = 1\n[[rule]]": r"rule\[0\].code is None; wanted a code",
    'version = 1\n[[rule]]\ncode = "AFF9"': r"rule\[0\].code: no rule 'AFF9'",
    'version = 1\n[[rule]]\ncode = "AFF401"': "looks at the policy itself, always",
    f'version = 1\n[[rule]]\ncode = "AFF201"\nmax = {10**400}': r"\(AFF201\).*max is 1000",
    'version = 1\n[[rule]]\ncode = "AFF301"\nmin = 1': r"rule\[0\] \(AFF301\): no key 'min'",
    'version = 1\n[[rule]]\ncode = "AFF001"': r"\(AFF001\) has no limit; wanted min or max",
    'version = 1\n[[rule]]\ncode = "AFF002"\nmin = 1': r"\(AFF002\) has no activation; wanted",
    'version = 1\n[[rule]]\ncode = "AFF001"\nmin = 2\nmax = 1': "min is 2.0, above max, 1.0",
    'version = 1\n[[rule]]\ncode = "AFF001"\nmin = nan': r"AFF001\).min is nan; wanted a finite",
    'version = 1\n[[rule]]\ncode = "AFF001"\nmin = true': "min is True; wanted a finite number",
    'version = 1\n[[rule]]\ncode = "AFF001"\nmin = 1\nscore = "x"': "score is 'x'; wanted one of a",
    'version = 1\n[[rule]]\ncode = "AFF201"\nmax = 2': "max is 2; wanted a number from 0 to 1",
    'version = 1\n[[rule]]\ncode = "AFF201"\nmatch = "("': r"match is '\('; wanted a regular expr",
    'version = 1\n[[rule]]\ncode = "AFF201"\nrole = ["tail"]': "role is 'tail'; wanted one of hid",
    'version = 1\n[[rule]]\ncode = "AFF201"\nrole = []': r"role is \[\]; wanted text, or a list",
    'version = 1\n[[rule]]\ncode = "AFF201"\nseverity = "off"': "severity is 'off'; wanted one of",
    'version = 1\n[[rule]]\ncode = "AFF303"\nsha256 = "12"': "sha256 is '12'; wanted 64 hexadec",
    GOOD + SUPPRESS: r"suppress\[1\].reason is None; wanted text",
    GOOD + SUPPRESS + 'reason = ""': r"suppress\[1\].reason is ''; wanted text",
    GOOD + SUPPRESS + 'reason = "x"': r"suppress\[1\].until is None; wanted a day without quotes",
    GOOD + SUPPRESS + 'reason = "x"\nuntil = "2027-01-01"': "until is '2027-01-01'; wanted a day",
    GOOD + SUPPRESS + 'reason = "x"\nuntil = 2027-01-01T00:00:00': "wanted a day without quotes",
    GOOD + SUPPRESS + 'reason = "x"\nuntil = 2027-01-01': "would hide AFF001 at every site",
    GOOD + SUPPRESS + 'reason = "x"\nwhy = 1': r"suppress\[1\]: no key 'why'; wanted some of code",
}  # fmt: skip


def test_a_policy_is_read() -> None:
    policy = parse_policy(GOOD, origin="p.toml")
    assert (policy.name, policy.fail_on) == ("p.toml", Severity.WARNING)
    bound, dead = policy.rules
    assert bound.severity is Severity.NOTE
    assert bound.params == {
        "site": None, "match": "^layer1", "activation": ("Relu",), "role": ("hidden", "gate"),
        "min": 0.0, "max": 0.9, "score": "affinity",
    }  # fmt: skip
    assert (dead.rule.code, dead.severity) == ("AFF201", Severity.WARNING)
    assert dead.params["max"] == 0.5
    (suppression,) = policy.suppressions
    assert (suppression.site, suppression.until) == ("layer1.0", date(2027, 1, 31))


@pytest.mark.parametrize("text", WRONG)
def test_a_mistake_is_named_with_its_place(text: str) -> None:
    with pytest.raises(OptionError, match=WRONG[text]) as caught:
        parse_policy(text, origin="p.toml")
    assert str(caught.value).startswith("p.toml")


def test_extending_the_defaults_replaces_the_rules_that_the_file_has() -> None:
    text = 'version = 1\nextends = "default"\n[[rule]]\ncode = "AFF201"\nmax = 0.9'
    found = parse_policy(text).rules
    assert len(found) == len(BUILT_IN.rules)
    (dead,) = (rule for rule in found if rule.rule.code == "AFF201")
    assert dead.params["max"] == 0.9


def test_a_file_that_cannot_be_read_is_refused(tmp_path: pytest.TempPathFactory) -> None:
    with pytest.raises(OptionError, match="cannot read the policy"):
        load_policy(f"{tmp_path}/missing.toml")


def test_every_kind_of_parameter_is_known_and_every_default_is_of_its_kind() -> None:
    for rule in RULES.values():
        for parameter in rule.parameters:
            _, read = KINDS[parameter.kind]
            default = parameter.default
            if default is not None:
                given = list(default) if isinstance(default, tuple) else default
                assert read(given) == default
