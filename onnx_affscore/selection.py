"""Which sites are scored: by role, by name, and what happens to a model that has only heads."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

from onnx_affscore.asked import CAVEAT, OPERATORS
from onnx_affscore.errors import NothingToScoreError, OptionError
from onnx_affscore.records import ActivationSite, Role

__all__ = ["DEFAULT_ROLES", "Selection", "check_selected", "parse_roles"]

DEFAULT_ROLES = (Role.HIDDEN, Role.GATE, Role.RECURRENT)
# Not elementwise: their columns depend on one another, so they are never scored in place of others.
_NORMALISING = ("Softmax", "LogSoftmax")


def parse_roles(text: str | None) -> tuple[Role, ...] | None:
    """Return the roles of a comma-separated list, ``all`` for all; None stays None (the default).

    Raises :class:`OptionError` for an unknown role.
    """
    if text is None:
        return None
    if text == "all":
        return tuple(Role)
    names = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [n for n in names if n not in set(Role)]
    if unknown or not names:
        raise OptionError(
            f"no role {', '.join(map(repr, unknown)) or repr(text)};"
            f" wanted some of {', '.join(Role)}, or all"
        )
    return tuple(Role(n) for n in names)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The sites to score: roles (None: the default ones), and patterns searched in names."""

    roles: tuple[Role, ...] | None = None
    include: str | None = None
    exclude: str | None = None

    def apply(
        self, sites: Sequence[ActivationSite], *, operators: Sequence[str] = ()
    ) -> tuple[ActivationSite, ...]:
        """Return all sites, those not selected with the reason why they stay unscored.

        Asking is selecting: probes, and activations of the ``operators`` asked for (softmax), are
        scored whatever their role, and carry the caveat of what is no elementwise function.

        Under the default roles, a model whose only elementwise activations are heads has these
        scored: a network cut behind its last activation is still a network.
        """
        include, exclude = _pattern(self.include), _pattern(self.exclude)
        roles = set(self.roles or DEFAULT_ROLES)
        if self.roles is None and not any(s.role in roles for s in sites):
            roles.add(Role.HEAD)
            plain = [s for s in sites if s.activation not in _NORMALISING]
        else:
            plain = list(sites)
        asked = {name for kind in operators for name in OPERATORS[kind]}
        chosen = []
        for site in sites:
            reason, warnings = site.unscored, site.warnings
            if site.role is Role.PROBE or site.activation in asked:
                warnings = (*warnings, CAVEAT)
            elif reason is None and (site.role not in roles or site not in plain):
                reason = "role"
            if reason is None and include is not None and not include.search(site.name):
                reason = "not included"
            if reason is None and exclude is not None and exclude.search(site.name):
                reason = "excluded"
            chosen.append(replace(site, unscored=reason, warnings=warnings))
        return tuple(chosen)


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as exc:
        raise OptionError(f"{text!r} is no regular expression: {exc}") from exc


def check_selected(sites: Sequence[ActivationSite]) -> None:
    """Raise :class:`NothingToScoreError` where there is no site, or none is selected."""
    if not sites:
        raise NothingToScoreError(
            "found no activation in the model; wanted at least one:"
            " 'onnx-affscore sites MODEL' lists what was looked at and why it was skipped"
        )
    if all(s.unscored is not None for s in sites):
        reasons = sorted({str(s.unscored) for s in sites})
        raise NothingToScoreError(
            f"none of the {len(sites)} activation(s) is selected ({'; '.join(reasons)});"
            " choose others with --roles, --include and --exclude ('sites MODEL' lists them)"
        )
