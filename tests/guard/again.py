"""Fifty clean re-runs of the guarded studies: other batches, threads, loaders and instruction sets; none may fail.

python -m tests.guard.again writes docs/gate-again.md. Forty of the studies against their stored baselines, in which no
clock is read; ten of one with times and memory, whose baseline is made here first. Alone on the machine; about forty
minutes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchbench.regression import Baseline, check
from benchbench.results.record import Record

from .proof import HERE, ROOT, run_study

PAGE = ROOT / "docs/gate-again.md"
STUDIES = ("small", "methods", "middle", "metrics") * 4 + ("small", "middle", "methods") * 8  # metrics takes longest
BATCHES = ("1", "2", "3", "5", "8", "16", "auto")
THREADS = (1, 2, 4)
SETS: dict[str, dict[str, str]] = {  # torch's own kernels, and oneDNN's
    "as it is": {},
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "SSE 4.1": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
}
KEPT = ROOT / "runs/again"  # whoever stops here goes on from there
RERUNS, TIMED = len(STUDIES), 10
COST = """models: [efficientnet_lite0]
datasets: [photos]
layers: last
methods: [cam, gradcam, gradcam++, layercam, ablationcam, center]
metrics: [average_drop, runtime, peak_memory, passes]
samples: 2
"""


@dataclass(frozen=True)
class Way:
    """How a study is run."""

    batch: str
    threads: int
    workers: int
    instructions: str

    @property
    def label(self) -> str:
        return f"{self.batch}-{self.threads}-{self.workers}-{self.instructions.replace(' ', '-')}"


def ways() -> list[tuple[str, Way]]:
    """Study and way of each re-run: the cycles' lengths have no common factor."""
    return [
        (STUDIES[i], Way(BATCHES[i % 7], THREADS[i % 3], i // 4 % 3, tuple(SETS)[(0, 1, 0, 2, 0)[i % 5]]))
        for i in range(RERUNS)
    ]


def run(study: Path, way: Way, out: Path) -> None:
    """By the command line, in a process of its own."""
    options = ["--batch", way.batch, "--workers", str(way.workers)]
    done = run_study(str(study), out, options, ROOT, {"OMP_NUM_THREADS": str(way.threads), **SETS[way.instructions]})
    if done.returncode:
        raise SystemExit(f"{study.name}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")


@dataclass(frozen=True)
class Rerun:
    """A study that is run once more.

    Attributes:
        file: the study's file. out: the run's folder. baseline: what the run is checked against.
    """

    study: str
    way: Way
    file: Path
    out: Path
    baseline: Baseline

    def checked(self) -> tuple[str, bool]:
        """The page's row, and whether the run passes the gate."""
        run(self.file, self.way, self.out)
        comparison = check(Record.load(self.out), self.baseline)
        verdict = comparison.summary if comparison.ok else f"**false alarm**: {comparison.summary}"
        parts = (self.study, self.way.batch, self.way.threads, self.way.workers, self.way.instructions, verdict)
        return f"| {' | '.join(map(str, parts))} |", comparison.ok


def reruns(folder: Path) -> Iterator[Rerun]:
    """All fifty; ``folder``: for the study with costs, whose baseline is made here first."""
    for study, way in ways():
        stored = Baseline.load(ROOT / HERE / f"{study}.json")
        yield Rerun(study, way, ROOT / HERE / f"{study}.yaml", KEPT / f"{study}-{way.label}", stored)
    cost = folder / "cost.yaml"
    cost.write_text(COST, encoding="utf-8")
    run(cost, Way("auto", 2, 0, "as it is"), folder / "first")
    timed = Baseline.of(Record.load(folder / "first"))
    for i in range(TIMED):
        yield Rerun("costs", Way(BATCHES[i % 7], 2, i % 3, "as it is"), cost, folder / str(i), timed)


def written(page: Path, each: Iterable[Rerun]) -> int:
    """Write the page; returns how many re-runs failed."""
    rows: list[str] = []
    failed = 0
    for rerun in each:
        row, passes = rerun.checked()
        failed += not passes
        rows.append(row)
        print(len(rows), row, flush=True)
    text = _HEAD.format(count=len(rows), failed=failed or "None")
    page.write_text("\n".join([text, *rows]) + "\n", encoding="utf-8")
    return failed


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        raise SystemExit(1 if written(PAGE, reruns(Path(folder))) else 0)


_HEAD = """# Fifty runs of the same code

{failed} of {count} clean re-runs failed [the gate](gate.md). The studies are those of tests/guard, against their stored
baselines; `costs` has times and memory, against a run made at the start. Instruction sets stand for other machines:
torch and oneDNN were held to what a processor with no more than that would run. Written by `make again`, on two cores.

| study | batch | threads | loading threads | instructions | what the gate says |
|---|---|--:|--:|---|---|"""


if __name__ == "__main__":
    main()
