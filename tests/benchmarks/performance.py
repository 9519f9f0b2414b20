"""docs/performance.md of what `make bench` saw.

`python -m tests.benchmarks.performance PEERS GROWTH PLAIN BOOKS LARGE LONG SCALING [PAGE]`.

Every number of the page comes from those files. The tables are printed too. An eighth argument is another page.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .bookkeeping import bookkeeping_section
from .cases import CASES
from .growth_figure import growth_section
from .large_run import large_section
from .long_runs import flat_section
from .scaling import scaling_section
from .scenes import BATCH, SIZE, Case, Row

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
FLOOR_GOAL = 1.3
WIDTH = 140  # of the terminal's tables
PEERS = ("torch", "torchvision", "grad-cam", "torchcam", "captum", "quantus")
HEADER = ("what", "eager forwards", "benchbench is faster by", "times its floor", "goal")


@dataclass(frozen=True)
class Times:
    """The rows of one case, as measured: medians in seconds, and why a row has none."""

    case: Case
    seconds: dict[str, float]
    reasons: dict[str, str]
    floors: dict[str, dict[str, float]]
    eager: dict[str, float]  # right before and after each row, in seconds
    quartiles: tuple[float, float]  # of the eager forward's own row

    @property
    def timed(self) -> int:
        """Images of the eager forward: a few images are timed as part of a full batch."""
        return self.case.images if self.case.images >= BATCH // 2 else BATCH

    def unit(self, key: str) -> float:
        """Seconds of one eager forward of the case's images, around the row."""
        return self.eager.get(key, self.seconds["eager"]) * self.case.images / self.timed

    def units(self, row: Row) -> float | None:
        """Eager forwards, or None where the row, or a part of it, was not measured."""
        if row.parts:
            each = [(self.units(self.row(name)), share) for name, share in row.parts]
            known = [units * share for units, share in each if units is not None]
            return sum(known) if len(known) == len(each) else None
        seconds = self.seconds.get(row.key)
        return None if seconds is None or self.reason(row) else seconds * row.times / self.unit(row.key)

    def floor(self, row: Row) -> float | None:
        """Eager forwards that the bare passes take."""
        needed = self.floors.get(row.key)
        if not needed or any(name not in self.seconds for name in needed):
            return None
        return sum(self.seconds[name] / self.unit(name) * calls for name, calls in needed.items())

    def pictures(self, row: Row) -> float:
        return self.floors[row.key]["bare"] * BATCH / self.case.images

    def row(self, key: str) -> Row:
        return next(row for row in self.case.rows if row.key == key)

    def reason(self, row: Row) -> str:
        for name, _ in row.parts:
            if self.reason(self.row(name)):
                return f"{name}: {self.reason(self.row(name))}"
        if row.parts or row.key in self.seconds:
            return self.reasons.get(row.key, "")
        return "the run failed"


def times_of(case: Case, benchmarks: list[dict[str, Any]]) -> Times:
    records = [b for b in benchmarks if b["extra_info"].get("case") == case.key]
    info = {b["extra_info"]["row"]: b["extra_info"] for b in records}
    return Times(
        case,
        {b["extra_info"]["row"]: b["stats"]["median"] for b in records},
        {name: details["reason"] for name, details in info.items() if details["reason"]},
        {name: details["floor"] for name, details in info.items() if "floor" in details},
        {name: details["eager"] for name, details in info.items() if details.get("eager")},
        next(((b["stats"]["q1"], b["stats"]["q3"]) for b in records if b["extra_info"]["row"] == "eager"), (0.0, 0.0)),
    )


def lines_of(times: Times) -> list[tuple[str, ...]]:
    """The table's lines: ours, then each peer beside each row of ours that it is compared with."""
    lines = [_line_of_ours(times, row) for row in times.case.rows if row.role == "ours"]
    for row in times.case.rows:
        if row.role in ("peer", "sum"):
            lines += [_line_of_peer(times, row, *beside) for beside in ((row.beside, row.goal), *row.also)]
    return lines


def _line_of_ours(times: Times, row: Row) -> tuple[str, ...]:
    units, floor = times.units(row), times.floor(row)
    if units is None:
        return row.title, "not measured", "", "", times.reason(row)
    goals = []
    if row.goal:
        goals.append(f"at most {row.goal:g}: {_met(units <= row.goal)}")
    if row.each and floor:
        each = units / times.pictures(row)
        goals.append(f"a picture at most {row.each:g}: {each:.2f}, {_met(each <= row.each)}")
    if floor:
        goals.append(f"floor at most {FLOOR_GOAL:g} times: {_met(units <= FLOOR_GOAL * floor)}")
    return (
        row.title,
        _number(units),
        "",
        f"{units / floor:.2f} (of {_number(floor)})" if floor else "",
        "; ".join(goals),
    )


def _line_of_peer(times: Times, row: Row, beside: str, goal: float | None) -> tuple[str, ...]:
    reference = times.row(beside)
    title = row.title if beside == row.beside else f"{row.title}, beside {reference.title}"
    units, ours = times.units(row), times.units(reference)
    if units is None:
        return title, "not measured", "", "", times.reason(row)
    if ours is None:
        return title, _number(units), "", "", f"ours was not measured: {times.reason(reference)}"
    ratio = (units / row.points) / (ours / reference.points)
    verdict = f"{goal:g} times: {_met(ratio >= goal)}" if goal else ""
    return title, _number(units), f"{ratio:.1f}", "", verdict


def _met(met: bool) -> str:
    return "met" if met else "NOT met"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def notes_of(times: Times) -> list[str]:
    notes = [f"- {row.title}: {row.note}" for row in times.case.rows if row.note]
    parts = [(row, times.units(row)) for row in times.case.rows if row.role == "part"]
    if parts:
        figures = "; ".join(f"{row.title} {'not measured' if u is None else _number(u)}" for row, u in parts)
        notes.append(f"- The composed study's parts for its eight maps, in eager forwards: {figures}.")
    return notes


def heading(case: Case) -> str:
    images = f"{case.images} images" if case.images > 1 else "1 image"
    return f"{case.title}: {case.network}, {images}"


def section(times: Times, plain: float) -> list[str]:
    rows = lines_of(times)
    table = ["| " + " | ".join(line) + " |" for line in (HEADER, ("---",) * len(HEADER), *map(_escaped, rows))]
    low, high = (f"{1000 * t:.0f}" for t in times.quartiles)
    took = f"{1000 * times.seconds['eager']:.0f} ms (quartiles {low}, {high})"
    unit = (
        f"One eager forward of {times.timed} images took {took}; {1000 * plain:.0f} ms as torch comes "
        f"({plain / times.seconds['eager']:.1f} times as long)."
    )
    text = [f"{times.case.text} {unit}".strip(), ""]
    return [f"## {heading(times.case)}", "", *text, *table, "", *notes_of(times), ""]


def _escaped(line: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(cell.replace("|", "\\|") for cell in line)


def show(times: Times) -> None:
    table = Table(*HEADER, title=heading(times.case), title_justify="left")
    for line in lines_of(times):
        table.add_row(*line)
    Console(width=WIDTH).print(table)


def head(machine: dict[str, Any], when: str) -> list[str]:
    versions = ", ".join(f"{name} {_version(name)}" for name in PEERS)
    ran = (
        "benchbench and its peers ran in one process, on the same networks, images and threads, in float32 unless said "
        f"otherwise, at {SIZE} x {SIZE} pixels. Networks are torchvision's, with random weights and batch-norm "
        f"statistics of real passes. Where a tool has a batch size it is {BATCH}. Peers are in eval mode, are given "
        "their targets, draw no progress bars, and score without autograd where they let one. Where definitions agree, "
        "results were compared: a peer whose maps or curves differ from ours has no time here."
    )
    unit = (
        "The unit is one plain eager forward of the case's images through the same network in `torch.inference_mode`, "
        "timed in the same run right before and after each row (the median of both), so that a machine that slows down "
        "does so for both. All of this, the peers' part too, runs with the freed memory kept that benchbench asks of "
        "glibc, which makes the unit smaller and the goals harder: each table says what an eager forward takes in a "
        "process that does not. The floor is what the bare passes that the definition needs take on the "
        "prepared copy (batch norms folded, channels-last): each different picture once, without the making of it. "
        "A peer stands beside the row of ours that does the same work; per curve point where their numbers differ."
    )
    return [
        "# Performance",
        "",
        "Written by `make bench` from what it measured; no number here is typed by hand.",
        "",
        ran,
        "",
        unit,
        "",
        f"Machine: {machine['cpu']}, {machine['threads']} threads, {when[:10]}. {versions}. Medians of the rounds.",
        "",
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _machine(report: dict[str, Any]) -> dict[str, Any]:
    """No host name, no path."""
    info = report["machine_info"]
    threads = {b["extra_info"].get("threads") for b in report["benchmarks"]} - {None}
    return {"cpu": info.get("cpu", {}).get("brand_raw", info["machine"]), "threads": threads.pop() if threads else "?"}


def main() -> None:
    report = json.loads(Path(sys.argv[1]).read_text())
    plain = json.loads(Path(sys.argv[3]).read_text())
    all_times = [times_of(case, report["benchmarks"]) for case in CASES]
    body: list[str] = []
    for times in all_times:
        if "eager" not in times.seconds:
            body += [f"## {heading(times.case)}", "", "Not measured: the eager forward failed.", ""]
            continue
        show(times)
        body += section(times, plain[times.case.key])
    page = Path(sys.argv[8]) if len(sys.argv) > 8 else PAGE
    growth = growth_section(json.loads(Path(sys.argv[2]).read_text()), page.with_suffix(".svg"))
    books = bookkeeping_section(**json.loads(Path(sys.argv[4]).read_text()))
    large = large_section(**json.loads(Path(sys.argv[5]).read_text()))
    long = flat_section(**json.loads(Path(sys.argv[6]).read_text()))
    scaling = scaling_section(**json.loads(Path(sys.argv[7]).read_text()))
    top = head(_machine(report), report["datetime"])
    lines = [*top, *body, *growth, "", *books, "", *large, "", *long, "", *scaling]
    page.write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
