"""Damaged signatures and policies: values of other kinds, hostile texts, nesting, huge numbers."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from tools.fuzzing.byte_mutations import damaged
from tools.fuzzing.values import HOSTILE_TEXTS, INTEGERS

__all__ = ["mutated_policy", "mutated_signature"]

_VALUES: tuple[Any, ...] = (None, True, "", [], {}, 0.5, -1, 1e308, [[]], *INTEGERS, *HOSTILE_TEXTS)


def mutated_signature(rng: Random, content: bytes) -> bytes:
    """Return the JSON text of a signature after one damage of bytes, values, keys or nesting."""
    what = rng.randrange(8)
    if what == 0:
        return damaged(rng, content, b'{"a":[1e999,NaN,"\\ud800"]}')
    if what == 1:
        depth = rng.choice((50, 2000, 200_000))
        return rng.choice((b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth))
    if what == 2:
        return content.replace(b"0.", rng.choice((b"NaN", b"1e999", b"-Infinity", b"1" * 5000)), 1)
    document = json.loads(content)
    for _ in range(rng.choice((1, 1, 2, 5))):
        holder, key = rng.choice(list(_places(document)))
        if what == 3 and isinstance(holder, dict):
            del holder[key]
        elif what == 4 and isinstance(holder, list):
            holder.extend([holder[key]] * rng.choice((1, 3)))
        elif isinstance(holder[key], str) and rng.random() < 0.7:
            holder[key] = rng.choice(HOSTILE_TEXTS)
        elif isinstance(holder[key], int | float) and rng.random() < 0.7:
            holder[key] = rng.choice((*INTEGERS, -0.5, 2.0, 1e308, 1e-320))
        else:
            holder[key] = rng.choice(_VALUES)
    return json.dumps(document).encode()


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container with every key in it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[tuple[Any, Any]] = []
    for key, inner in pairs:
        found.append((value, key))
        if isinstance(inner, dict | list):
            found += _places(inner)
    return found


_RULES = (
    'code = "AFF001"\nmin = 0.1\nmax = 0.9\nmatch = "^a"\n',
    'code = "AFF002"\nactivation = "Relu"\nstatistic = "median"\nmin = 0.5\n',
    'code = "AFF201"\nseverity = "error"\nmax = 0.1\n',
    'code = "AFF302"\nprovider = "cuda"\n',
)


def mutated_policy(rng: Random) -> bytes:
    """Return the TOML text of a policy, damaged."""
    rules = [f"[[rule]]\n{rule}" for rule in rng.sample(_RULES, rng.randrange(1, 5))]
    hide = '[[suppress]]\ncode = "AFF201"\nmatch = "a"\nreason = "known"\nuntil = 2099-01-01\n'
    text = "\n".join(["version = 1", 'fail_on = "error"', *rules, hide])
    ways: tuple[Callable[[], str], ...] = (
        lambda: text,
        lambda: text + "a = " + "[" * rng.choice((90, 5000, 100_000)),
        lambda: text + "\n[" + "a." * rng.choice((100, 20_000)) + "b]\n",
        lambda: text.replace("0.", rng.choice(("nan # ", "inf # ", "-", "9" * 5000 + "."))),
        lambda: text.replace(
            '"^a"', rng.choice(('"(a+)+$"', '"("', '"' + "(" * 9000 + '"', '"\\\\p"'))
        ),
        lambda: text.replace(
            "2099-01-01", rng.choice(("9999-99-99", "1", '"x"', "2099-01-01T00:00:00"))
        ),
        lambda: text.replace("AFF", rng.choice(("", "AFF9", "\\u001b", "é"))),
        lambda: text.replace('"error"', json.dumps(rng.choice(HOSTILE_TEXTS))),
        lambda: text.replace("1", str(rng.choice(INTEGERS)), 1),
    )
    made = rng.choice(ways)().encode()
    return damaged(rng, made, b"[[rule]]\n\xff") if rng.random() < 0.4 else made
