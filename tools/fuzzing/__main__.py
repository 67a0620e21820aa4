"""The campaign: ``python -m tools.fuzzing --mutants 20000 --seed 1 --out DIR``."""

import argparse
import gc
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tools.fuzzing.cases import Material, make_case
from tools.fuzzing.containment import contained
from tools.fuzzing.minimise import minimised
from tools.fuzzing.outcome import Outcome, judge
from tools.fuzzing.pool import Limits, Ran, run_cases, warm_up
from tools.fuzzing.seeds import seed_models
from tools.fuzzing.table import summary

_SIGNATURE = Path(__file__).with_name("signature.json")


def material(folders: tuple[Path, ...] = (), *, small: bool = False) -> Material:
    """Return the sound files that are damaged."""
    return Material(seed_models(folders, small=small), _SIGNATURE.read_bytes())


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign, print its table, keep what broke a promise; 1 where anything did."""
    asked = _parser().parse_args(arguments)
    out = Path(asked.out)
    out.mkdir(parents=True, exist_ok=True)
    warm_up()
    sound = material(tuple(map(Path, asked.corpus)), small=asked.small)
    numbers = asked.only or range(asked.first, asked.first + asked.mutants)
    cases = (make_case(asked.seed, number, sound) for number in numbers)
    gc.freeze()
    limits = Limits(cpu=asked.seconds)
    counts: Counter[tuple[str, str]] = Counter()
    kept: Counter[str] = Counter()
    crashes: list[Ran] = []
    found: list[tuple[Ran, Outcome]] = []
    start = time.monotonic()
    fast = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=fast) as name:
        for done, ran in enumerate(
            run_cases(cases, Path(name), workers=asked.workers, limits=limits), 1
        ):
            outcome = judge(ran)
            counts[ran.case.kind, outcome.name] += 1
            if outcome.name == "runtime crash":
                crashes.append(ran)
            if outcome.name in ("violation", "runtime crash"):
                what = f"{outcome.kind}: {_place(outcome)}"
                kept[what] += 1
                if kept[what] == 1:
                    print(f"mutant {ran.case.number}: {what}", file=sys.stderr, flush=True)
                if kept[what] <= asked.examples:
                    found.append((ran, outcome))
            if not asked.keep:
                shutil.rmtree(ran.folder)
            if done % 500 == 0:
                rate = done / (time.monotonic() - start)
                many = f"{sum(kept.values())} findings of {len(kept)} kinds"
                print(f"{done} mutants, {rate:.1f}/s, {many}", file=sys.stderr, flush=True)
        for ran, outcome in found:
            _write_down(ran, outcome, out)
        held = [contained(ran.case, Path(name) / "isolated") for ran in crashes[: asked.reruns]]
    seconds = time.monotonic() - start
    print(summary(counts, kept, seconds=seconds, contained=held, crashes=len(crashes)))
    return 1 if any(key[1] == "violation" for key in counts) or not all(held) else 0


def _write_down(ran: Ran, outcome: Outcome, out: Path) -> None:
    """Keep the files of a finding, made as small as they still break the promise."""
    case = ran.case
    folder = out / f"{outcome.kind}-{case.number}".replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in minimised(ran, outcome).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    note = {"number": case.number, "how": case.how, "kind": outcome.kind, "detail": outcome.detail}
    note["commands"] = [" ".join(command) for command in case.commands]
    (folder / "note.json").write_text(json.dumps(note, indent=1))


def _place(outcome: Outcome) -> str:
    """Where an error came from, in a line: the last frame of a traceback, else its beginning."""
    frames = [s for s in outcome.detail.splitlines() if "onnx_affscore/" in s]
    last = (outcome.detail.strip().splitlines() or [""])[-1]
    where = frames[-1].rpartition("onnx_affscore/")[2].replace('"', "") if frames else ""
    return f"{where} {last}"[:160]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tools/fuzz", description=__doc__)
    parser.add_argument("--mutants", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--only", type=int, nargs="*", help="these numbers alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corpus", nargs="*", default=[], help="folders of further ONNX files")
    parser.add_argument("--small", action="store_true", help="leave out the files of models/")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=20, help="processor time of a mutant")
    parser.add_argument("--reruns", type=int, default=50, help="crashes run again with --isolate")
    parser.add_argument("--examples", type=int, default=2, help="kept of each kind and place")
    parser.add_argument("--keep", action="store_true", help="keep the folder of every mutant")
    parser.add_argument("--out", default="fuzz-findings")
    return parser


if __name__ == "__main__":
    sys.exit(main())
