"""Make a violating model smaller: whatever can go without the violation going with it goes."""

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from tools.fuzzing.cases import MODEL, Case
from tools.fuzzing.outcome import Outcome, judge
from tools.fuzzing.pool import Limits, Ran, run_cases

__all__ = ["minimised"]

_TRIES = 150
_SECONDS = 15
_SLOW = ("timeout", "memory")  # each try would take as long again


def minimised(ran: Ran, outcome: Outcome) -> Mapping[str, bytes]:
    """Return the files of a case, its model as small as it still comes to the same outcome."""
    case = ran.case
    if case.kind != "structure" or outcome.kind in _SLOW:
        return case.files
    try:
        proto = onnx.ModelProto.FromString(case.files[MODEL])
    except DecodeError:
        return case.files
    place = ran.folder.with_name("smaller")
    tries, start = 0, time.monotonic()
    for held, first, last in list(_chunks(proto)):
        if tries >= _TRIES or time.monotonic() - start > _SECONDS:
            break
        kept = [type(m).FromString(m.SerializeToString()) for m in held[first:last]]
        if not kept:
            continue
        rest = [type(m).FromString(m.SerializeToString()) for m in held[last:]]
        del held[first:]
        held.extend(rest)
        tries += 1
        if _same(case, proto, outcome, place):
            continue
        del held[first:]
        held.extend([*kept, *rest])
    return {**case.files, MODEL: proto.SerializeToString()}


def _chunks(proto: onnx.ModelProto) -> Iterator[tuple[Any, int, int]]:
    """Parts to leave out, later ones first so that places of the others stay; halves, then ones."""
    graph = proto.graph
    for held in (graph.value_info, graph.node, proto.functions, graph.initializer, graph.output):
        size = len(held)
        for step in (max(size // 2, 1), max(size // 8, 1), 1) if size > 1 else ():
            for first in reversed(range(0, size, step)):
                yield held, first, first + step


def _same(case: Case, proto: onnx.ModelProto, outcome: Outcome, place: Path) -> bool:
    smaller = replace(case, files={**case.files, MODEL: proto.SerializeToString()})
    for ran in run_cases([smaller], place, workers=1, limits=Limits()):
        found = judge(ran)
        shutil.rmtree(ran.folder)
        return (found.name, found.kind) == (outcome.name, outcome.kind) and (
            found.detail.strip().splitlines()[-1:] == outcome.detail.strip().splitlines()[-1:]
        )
    return False
