"""Plants every fault in a copy of the code, runs what shows it, and asks the gate: python -m tests.guard.proof [WORD].

Writes docs/gate-proof.md; with a WORD, only the faults whose sentence has it, to the screen. Each study runs without a
fault too, in the same copy, in batches of another size than its baseline's: a gate that always fails proves nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

import yaml

from benchbench.regression import Baseline, check
from benchbench.results.record import Record
from benchbench.study.spec import read_metric

from .fault import Fault
from .of_engine import ENGINE
from .of_libraries import LIBRARIES
from .of_methods import METHODS
from .of_metrics import METRICS
from .of_pixels import PIXELS
from .of_transformers import TRANSFORMERS

SECTIONS = (
    ("Methods", METHODS),
    ("Methods of pixels and superpixels, and controls", PIXELS),
    ("Methods for transformers", TRANSFORMERS),
    ("Adapters of other libraries", LIBRARIES),
    ("The engine", ENGINE),
    ("Metrics", METRICS),
)
FAULTS = tuple(fault for _, faults in SECTIONS for fault in faults)
ROOT = Path(__file__).parents[2]
HERE = Path("tests/guard")
PAGE = ROOT / "docs/gate-proof.md"
BATCH = "3"
AT_ONCE = 2
ENDS = "the run ends"
_ROOMS = ("benchbench", "methods", "metrics", "reports", "tests/guard")


@dataclass(frozen=True)
class Outcome:
    """What the gate said; ``caught``: the check failed, or the run did."""

    caught: bool
    summary: str


def narrowed(study: str, methods: Sequence[str], metrics: Sequence[str]) -> tuple[dict[str, Any], Baseline]:
    """A guarded study and its baseline with these methods and metrics alone; all, of nothing."""
    keys: dict[str, Any] = yaml.safe_load((ROOT / HERE / f"{study}.yaml").read_text(encoding="utf-8"))
    then = Baseline.load(ROOT / HERE / f"{study}.json")
    keys["methods"] = [m for m in keys["methods"] if not methods or _name(m) in methods]
    keys["metrics"] = [m for m in keys["metrics"] if not metrics or _name(m) in metrics]
    labels = [method.name for method in then.methods if not methods or method.plugin in methods]
    choices = [read_metric(metric) for metric in keys["metrics"]]
    return keys, then.narrowed(labels, [f"{choice.name}@{choice.protocol}" for choice in choices], strict=True)


def _name(item: str | dict[str, Any]) -> str:
    return item if isinstance(item, str) else str(item["name"])


def ran(copy: Path, study: str, methods: Sequence[str] = (), metrics: Sequence[str] = ()) -> Outcome:
    """The study run by the copy's code, and the gate's word on it."""
    keys, then = narrowed(study, methods, metrics)
    (copy / "one.yaml").write_text(yaml.safe_dump(keys), encoding="utf-8")
    out = copy / "run"
    shutil.rmtree(out, ignore_errors=True)
    # an edit may keep a file's size within a second: stored byte code would pass for it
    alone = {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = run_study("one.yaml", out, ["--batch", BATCH], copy, alone)
    if done.returncode not in (0, 1):
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()
        return Outcome(True, f"{ENDS}: {last[-1] if last else f'exit code {done.returncode}'}")
    comparison = check(Record.load(out), then)
    return Outcome(not comparison.ok, comparison.summary.rstrip("."))


def run_study(
    study: str, out: Path, options: Sequence[str], folder: Path, settings: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """A study by the command line of the code in a folder, in a process with these variables of the environment."""
    command = [sys.executable, "-m", "benchbench", "run", study, *options, "--no-report", "--out", str(out)]
    alone = os.environ | dict(settings)
    return subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True, check=False)


@contextmanager
def planted(fault: Fault, copy: Path) -> Iterator[None]:
    """The copy with the fault in it."""
    file = copy / fault.file
    text = file.read_text(encoding="utf-8")
    file.write_text(_edited(fault, copy), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(text, encoding="utf-8")


def _edited(fault: Fault, folder: Path) -> str:
    """The text of the fault's file with the fault in it."""
    text = (folder / fault.file).read_text(encoding="utf-8")
    if text.count(fault.old) != 1:
        raise SystemExit(f"{fault.file} has {text.count(fault.old)} times: {fault.old}")
    return text.replace(fault.old, fault.new)


def copied(folder: Path) -> Path:
    """The code, and the guarded studies, without stored byte code; links between the rooms stay links."""
    for room in _ROOMS:
        leave = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, folder / room, symlinks=True, ignore=leave, dirs_exist_ok=True)
    (folder / "tests/__init__.py").touch()
    return folder


def prove(faults: Sequence[Fault]) -> tuple[dict[str, Outcome], list[Outcome]]:
    """By study, what the gate says without a fault; and with each fault."""
    studies = sorted({fault.study for fault in faults})
    for fault in faults:  # all of them before the first run: a stale one would be found after half an hour
        _edited(fault, ROOT)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        free: Queue[Path] = Queue()
        for i in range(AT_ONCE):
            free.put(copied(Path(folder) / str(i)))

        @contextmanager
        def borrowed() -> Iterator[Path]:
            copy = free.get()
            try:
                yield copy
            finally:
                free.put(copy)

        def without(study: str) -> Outcome:
            with borrowed() as copy:
                return ran(copy, study)

        def having(fault: Fault) -> Outcome:
            with borrowed() as copy, planted(fault, copy):
                outcome = ran(copy, fault.study, fault.methods, fault.metrics)
            print(f"{'caught' if outcome.caught else 'MISSED'}  {fault.says}: {outcome.summary}", flush=True)
            return outcome

        return dict(zip(studies, pool.map(without, studies), strict=True)), list(pool.map(having, faults))


def page(clean: dict[str, Outcome], outcomes: Sequence[Outcome]) -> str:
    """docs/gate-proof.md."""
    by = dict(zip(FAULTS, outcomes, strict=True))
    ended = sum(outcome.summary.startswith(ENDS) for outcome in outcomes)
    parts = [
        _HEAD.format(batch=BATCH, faults=len(FAULTS), caught=sum(outcome.caught for outcome in outcomes), ended=ended)
    ]
    parts.append("| study | what the gate says of the code as it is |\n|---|---|")
    parts += [
        f"| `{study}` | {'**false alarm**: ' if outcome.caught else ''}{outcome.summary} |"
        for study, outcome in clean.items()
    ]
    for title, faults in SECTIONS:
        parts.append(f"\n## {title}\n\n| fault | in | study | what the gate says |\n|---|---|---|---|")
        parts += [f"| {f.says} | `{f.file}` | `{f.study}` | {_cell(by[f])} |" for f in faults]
    return "\n".join(parts) + "\n"


def _cell(outcome: Outcome) -> str:
    text = outcome.summary.replace("|", "\\|")
    return text if outcome.caught else f"**missed**: {text}"


_HEAD = """# What the gate catches

{caught} of {faults} faults, each of the kind that people make in saliency methods and metrics; many stood in published
code. Each was planted by itself in a copy of this code (tests/guard/of_*.py have the edits); the part of a guarded
study that uses it was run, in batches of {batch} where the baseline has the engine's own size, and compared with the
study's stored baseline by the rules of [the gate](gate.md); {ended} ended the run before anything was compared. Written
by `make proof`.

Not seen are faults too small for the gate's tolerances, such as ranks that start from 0 in the attribution AUC of
50,000 pixels, those that change nothing, such as a mean in place of a sum under a correlation, and those in what is
computed from the scores of all images, such as intervals, ranks, shares of a ceiling and gaps to a method's own
inverted map: a baseline has maps, scores and costs, and tests/stats guards the rest.
"""


def main() -> None:
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    faults = [fault for fault in FAULTS if word in fault.says]
    clean, outcomes = prove(faults)
    for study, outcome in clean.items():
        print(f"{'FALSE ALARM' if outcome.caught else 'passes'}  {study} without a fault: {outcome.summary}")
    if not word:
        PAGE.write_text(page(clean, outcomes), encoding="utf-8")
        print(PAGE)
    if any(outcome.caught for outcome in clean.values()) or not all(outcome.caught for outcome in outcomes):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
