"""What a rule is made of: its parameters, what it gets to see, and what it says of each place."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

from onnx_affscore.audit.baseline import Against
from onnx_affscore.findings import RuleText, Value
from onnx_affscore.records import Role, ScoredSite, Signature

__all__ = ["SELECTORS", "Case", "Check", "Look", "Parameter", "Rule"]


@final
@dataclass(frozen=True, slots=True)
class Parameter:
    """A key of a rule in a policy: its kind (see ``policy.KINDS``), default and meaning.

    ``choices`` are the values it takes, empty for any; None as default means that it is not set.
    """

    name: str
    kind: str
    meaning: str
    default: Any = None
    choices: tuple[str, ...] = ()
    required: bool = False


SELECTORS = (
    Parameter("site", "text", "the site of this name alone"),
    Parameter("match", "pattern", "sites whose name this regular expression is found in"),
    Parameter("activation", "texts", "sites of these activation functions"),
    Parameter("role", "texts", "sites of these roles", choices=tuple(Role)),
)
"""The keys that choose sites; a site has to fit all that are given."""


@final
@dataclass(frozen=True, slots=True)
class Look:
    """What a rule says of one place: ``trouble`` is None where it holds."""

    trouble: str | None
    site: str | None = None
    about: str | None = None
    value: Value = None
    limit: Value = None


@final
@dataclass(frozen=True, slots=True)
class Case:
    """What a rule gets to see: the signature, what a baseline tells of it, its parameters."""

    signature: Signature
    against: Against | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    def selects(self, site: ScoredSite) -> bool:
        """Whether the parameters choose a site, by its name or by that of its partner.

        A policy that was written for the baseline thus holds after a conversion that renames.
        """
        names = {site.name, self.former_names.get(site.name, site.name)}
        name, pattern = self.params.get("site"), self.params.get("match")
        kinds, roles = self.params.get("activation"), self.params.get("role")
        return (
            (name is None or name in names)
            and (pattern is None or any(re.search(pattern, known) for known in names))
            and (kinds is None or site.activation in kinds)
            and (roles is None or site.role in roles)
        )

    @property
    def former_names(self) -> Mapping[str, str]:
        """Names of sites in the baseline, by those in the signature; empty without one."""
        return {} if self.against is None else self.against.former_names

    @property
    def sites(self) -> Iterator[ScoredSite]:
        """The chosen sites of the signature, in execution order."""
        return filter(self.selects, self.signature.sites)

    @property
    def baseline(self) -> Against:
        """What the baseline tells; only rules that ask for one get here."""
        if self.against is None:
            raise ValueError("this rule compares with a baseline; there is none")
        return self.against


Check: TypeAlias = Callable[[Case], Iterator[Look]]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A row of the table: what people are told, what a policy may set, and what looks.

    ``one_of`` are parameters of which at least one is to be given. ``by_default`` says that the
    rule is part of the built-in policy, ``compares`` that it asks for a baseline. ``check`` None
    marks a rule about the policy itself, which needs no entry in it.
    """

    text: RuleText
    parameters: tuple[Parameter, ...] = ()
    one_of: tuple[str, ...] = ()
    by_default: bool = False
    compares: bool = False
    check: Check | None = None

    @property
    def code(self) -> str:
        """The stable code."""
        return self.text.code

    @property
    def defaults(self) -> dict[str, Any]:
        """The parameters with their defaults."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    @property
    def selects_sites(self) -> bool:
        """Whether the rule looks at sites one by one."""
        return any(parameter.name == "site" for parameter in self.parameters)
