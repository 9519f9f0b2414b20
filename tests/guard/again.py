"""Fifty clean re-runs of the guarded studies: other batches, threads, loaders and instruction sets; none may fail.

python -m tests.guard.again writes docs/gate-again.md. Forty of the studies against their stored baselines, in which no
clock is read; ten of one with times and memory, whose baseline is made here first. Alone on the machine; about forty
minutes.
"""

from __future__ import annotations

import tempfile
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


def main() -> None:
    rows: list[str] = []
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        cost = Path(folder) / "cost.yaml"
        cost.write_text(COST, encoding="utf-8")
        usual = Way("auto", 2, 0, "as it is")
        run(cost, usual, Path(folder) / "first")
        timed = Baseline.of(Record.load(Path(folder) / "first"))
        runs = [(study, way, ROOT / HERE / f"{study}.yaml") for study, way in ways()]
        runs += [("costs", Way(BATCHES[i % 7], 2, i % 3, "as it is"), cost) for i in range(TIMED)]
        for i, (study, way, file) in enumerate(runs):
            out = KEPT / f"{study}-{way.label}" if study != "costs" else Path(folder) / str(i)
            run(file, way, out)
            then = timed if study == "costs" else Baseline.load(ROOT / HERE / f"{study}.json")
            comparison = check(Record.load(out), then)
            failed += not comparison.ok
            verdict = comparison.summary if comparison.ok else f"**false alarm**: {comparison.summary}"
            rows.append(f"| {study} | {way.batch} | {way.threads} | {way.workers} | {way.instructions} | {verdict} |")
            print(i + 1, rows[-1], flush=True)
    text = _HEAD.format(count=len(rows), failed=failed or "None")
    PAGE.write_text("\n".join([text, *rows]) + "\n", encoding="utf-8")
    raise SystemExit(1 if failed else 0)


_HEAD = """# Fifty runs of the same code

{failed} of {count} clean re-runs failed [the gate](gate.md). The studies are those of tests/guard, against their stored
baselines; `costs` has times and memory, against a run made at the start. Instruction sets stand for other machines:
torch and oneDNN were held to what a processor with no more than that would run. Written by `make again`, on two cores.

| study | batch | threads | loading threads | instructions | what the gate says |
|---|---|--:|--:|---|---|"""


if __name__ == "__main__":
    main()
