"""ONE table: every rule of ``check``, with its stable code, what it may be told, and its reasons.

Codes are never given a second meaning: 0xx hold numbers against limits, 1xx compare with a
baseline, 2xx look at the state of sites, 3xx at where a signature came from, 4xx at the policy.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from onnx_affscore.audit import bounds, drift, state
from onnx_affscore.audit.rule import SELECTORS, Check, Parameter, Rule
from onnx_affscore.errors import OptionError
from onnx_affscore.fields import SCORES
from onnx_affscore.findings import RuleText, Severity

__all__ = ["EXPIRED", "IDLE", "RULES", "TOLERANCE", "rule_of"]

TOLERANCE: Final = 0.005
"""Below it a difference of scores is no drift: five hundred times what float32 rounding moves a
score by (1e-5)."""

_LOW = Parameter("min", "number", "the least value that passes")
_HIGH = Parameter("max", "number", "the greatest value that passes")
_STATISTIC = Parameter("statistic", "text", "of the scores", "mean", bounds.STATISTICS)
_FAMILY_STATISTIC = replace(_STATISTIC, choices=bounds.FAMILY_STATISTICS)
_TOLERANCE = Parameter("tolerance", "number", "the greatest difference that passes", TOLERANCE)
_FIGURES = tuple(name for name in SCORES if name != "covariance")
_HIDDEN = tuple(
    replace(selector, default=("hidden",)) if selector.name == "role" else selector
    for selector in SELECTORS
)


def _rule(
    code: str,
    name: str,
    severity: Severity,
    check: Check | None,
    *,
    looks_at: str,
    why: str,
    advice: str,
    **knobs: Any,
) -> Rule:
    return Rule(text=RuleText(code, name, severity, looks_at, why, advice), check=check, **knobs)


_TABLE: Final = (
    _rule(
        "AFF001", "site-bound", Severity.ERROR, bounds.site_bound,
        looks_at="a figure of each chosen site, by default its score, against min and max",
        why="A score outside the range that was agreed on means that the site bends its input"
        " otherwise than it did when the range was set.",
        advice="Compare with a signature from before; if the change is meant, set new limits.",
        parameters=(
            *SELECTORS, _LOW, _HIGH,
            Parameter("score", "text", "the figure", "affinity", _FIGURES),
        ),
        one_of=("min", "max"),
    ),
    _rule(
        "AFF002", "family-bound", Severity.ERROR, bounds.family_bound,
        looks_at="a statistic of the scores of all sites with one activation function",
        why="Sites of one family move together when the scale of the values in a network changes.",
        advice="Look at the sites of the family; if the change is meant, set new limits.",
        parameters=(
            Parameter("activation", "text", "the activation function", required=True),
            _FAMILY_STATISTIC, _LOW, _HIGH,
        ),
        one_of=("min", "max"),
    ),
    _rule(
        "AFF003", "summary-bound", Severity.ERROR, bounds.summary_bound,
        looks_at="a statistic of the whole signature",
        why="The statistics tell kinds of networks apart: outside its range, a model has become"
        " one of another kind.",
        advice="Compare the signature site by site; if the change is meant, set new limits.",
        parameters=(_STATISTIC, _LOW, _HIGH),
        one_of=("min", "max"),
    ),
    _rule(
        "AFF101", "site-drift", Severity.ERROR, drift.site_drift,
        looks_at="the score of each site against the baseline's: a difference beyond its 95 %"
        " interval and beyond the tolerance; where no interval is known, beyond the tolerance",
        why="The site bends its input otherwise than in the baseline, by more than the samples and"
        " rounding explain.",
        advice="Find out what changed (weights, precision, preprocessing, data). If it is meant,"
        " make this signature the baseline.",
        parameters=(*SELECTORS, _TOLERANCE), compares=True, by_default=True,
    ),
    _rule(
        "AFF102", "summary-drift", Severity.ERROR, bounds.summary_drift,
        looks_at="a statistic of the signature against the baseline's; it has no interval, so that"
        " the tolerance decides alone",
        why="Small movements of many sites in one direction show in a statistic first.",
        advice="Compare the signatures site by site. If the change is meant, make this signature"
        " the baseline.",
        parameters=(_STATISTIC, _TOLERANCE), compares=True,
    ),
    _rule(
        "AFF103", "activation-changed", Severity.ERROR, drift.activation_changed,
        looks_at="the activation function of each site against the baseline's",
        why="Another function in the same place is another network, or an export that replaced a"
        " function by an approximation.",
        advice="Check the export. If the change is meant, make this signature the baseline.",
        parameters=SELECTORS, compares=True, by_default=True,
    ),
    _rule(
        "AFF104", "missing-site", Severity.ERROR, drift.missing_site,
        looks_at="sites of the baseline that the model has not",
        why="A layer was lost, or is spelled so that it is not found any more.",
        advice="List the sites with 'onnx-affscore sites MODEL' and read the skipped look-alikes.",
        parameters=SELECTORS, compares=True, by_default=True,
    ),
    _rule(
        "AFF105", "new-site", Severity.WARNING, drift.new_site,
        looks_at="sites of the model that the baseline has not",
        why="What the baseline does not know was never looked at.",
        advice="Look at the site. If it is meant, make this signature the baseline.",
        parameters=SELECTORS, compares=True, by_default=True,
    ),
    _rule(
        "AFF106", "lost-score", Severity.ERROR, drift.lost_score,
        looks_at="sites that had a score in the baseline and have none",
        why="The site is dead, its numbers overflow, or it was not asked for: what was watched is"
        " watched no more.",
        advice="Read the reason. Score with the options of the baseline.",
        parameters=SELECTORS, compares=True, by_default=True,
    ),
    _rule(
        "AFF107", "not-comparable", Severity.WARNING, drift.not_comparable,
        looks_at="data, pooling and estimate of the covariance against the baseline's",
        why="Where they differ, so do the scores of one and the same model: drift is then no news.",
        advice="Score both on the same data with the same options.",
        compares=True, by_default=True,
    ),
    _rule(
        "AFF201", "dead-features", Severity.WARNING, state.dead_features,
        looks_at="the share of output features that are the same for every sample (dead_share)",
        why="Dead features pass nothing on: their weights are dead too, or the data miss a part of"
        " what the network was trained on.",
        advice="Score on more varied data; if they stay dead, look at learning rate and"
        " initialisation, or prune them.",
        parameters=(*SELECTORS, replace(_HIGH, kind="share", default=0.5)), by_default=True,
    ),
    _rule(
        "AFF202", "degenerate-site", Severity.ERROR, state.degenerate_site,
        looks_at="sites whose input or output is constant up to rounding: their score is 0/0",
        why="The whole layer is dead on these data: whatever lies before it has no effect.",
        advice="Check that the data vary and are preprocessed as in training; then the weights.",
        parameters=SELECTORS, by_default=True,
    ),
    _rule(
        "AFF203", "saturated-site", Severity.WARNING, state.saturated_site,
        looks_at="the share of elements at a flat end of the activation (saturated_share)",
        why="Where nearly everything lies at a flat end, small changes of the input have no effect:"
        " gradients vanish, and lower precision is dangerous.",
        advice="Check the scale of the input and the normalisation before the site.",
        parameters=(*SELECTORS, replace(_HIGH, kind="share", default=0.95)), by_default=True,
    ),
    _rule(
        "AFF204", "nearly-linear-site", Severity.NOTE, state.nearly_linear_site,
        looks_at="scores of sites in the trunk that are nearly 1",
        why="On these data the activation does no more than an affine map: the layers around it are"
        " one layer.",
        advice="It may be meant (a gate that stays open). Else the layer can be folded, or the data"
        " are too narrow.",
        parameters=(*_HIDDEN, replace(_HIGH, default=0.98)), by_default=True,
    ),
    _rule(
        "AFF205", "unscored-site", Severity.WARNING, state.unscored_site,
        looks_at="sites that were to be scored and could not be: NaN, infinity, no sample axis",
        why="The signature is incomplete: nothing is known of this site.",
        advice="Read the reason. NaN and infinity in features are faults of the model or of the"
        " data.",
        parameters=SELECTORS, by_default=True,
    ),
    _rule(
        "AFF206", "few-samples", Severity.WARNING, state.few_samples,
        looks_at="samples for each direction that the features of a site vary in",
        why="With few samples for its dimension a score is biased, and has no interval.",
        advice="Score on more samples (--samples, or more data).",
        parameters=(*SELECTORS, replace(_LOW, default=10.0)), by_default=True,
    ),
    _rule(
        "AFF301", "synthetic-data", Severity.WARNING, state.synthetic_data,
        looks_at="whether the data were made up",
        why="Scores on made-up input say little about the model in use.",
        advice="Give real data with --data.",
        by_default=True,
    ),
    _rule(
        "AFF302", "other-provider", Severity.ERROR, state.other_provider,
        looks_at="the execution provider that computed the features, against the one required",
        why="Providers compute in different precision and order; what was audited on one has not"
        " been audited on another.",
        advice="Score with --device, which never falls back where a device is named.",
        parameters=(
            Parameter("provider", "text", "such as CPUExecutionProvider, or cuda", required=True),
        ),
    ),
    _rule(
        "AFF303", "other-model", Severity.ERROR, state.other_model,
        looks_at="the SHA-256 of the model file, against the one required",
        why="The signature is not that of the model that was to be checked.",
        advice="Score the right file; if the model was meant to change, renew the digest.",
        parameters=(Parameter("sha256", "sha256", "of the model file", required=True),),
    ),
    _rule(
        "AFF304", "rows-left-out", Severity.WARNING, state.rows_left_out,
        looks_at="the share of rows that could not be read or run and were left out"
        " (--on-error skip)",
        why="Rows on which a model fails are often those of which most is to be learnt: the scores"
        " are those of the others.",
        advice="Read the reasons under data.skipped of the signature; mend the rows or the model.",
        parameters=(replace(_HIGH, kind="share", default=0.0),), by_default=True,
    ),
    _rule(
        "AFF401", "expired-suppression", Severity.WARNING, None,
        looks_at="suppressions whose day has passed; what they hid counts again",
        why="A suppression is a promise to look again by a day.",
        advice="Mend what it hid and delete it, or give it a new day and a reason.",
    ),
    _rule(
        "AFF402", "idle-rule", Severity.ERROR, None,
        looks_at="rules of the policy whose site, match or activation fits no site",
        why="Such a rule can never fail: a site was renamed or lost, or the name is misspelled.",
        advice="Correct the name, or delete the rule. 'onnx-affscore sites MODEL' lists the names.",
    ),
)  # fmt: skip

RULES: Mapping[str, Rule] = {rule.code: rule for rule in _TABLE}
EXPIRED, IDLE = RULES["AFF401"], RULES["AFF402"]


def rule_of(text: str) -> Rule:
    """Return the rule with a code or a name; raises :class:`OptionError` where there is none."""
    for rule in RULES.values():
        if text in (rule.code, rule.text.name):
            return rule
    raise OptionError(
        f"no rule {text!r}; wanted a code such as {next(iter(RULES))},"
        " 'onnx-affscore rules' lists them"
    )
