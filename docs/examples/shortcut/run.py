"""Does the network look at the watermark? The commands of README.md, one after the other, and their table.

python3 docs/examples/shortcut/run.py            # two minutes of processor time
python3 docs/examples/shortcut/run.py --small    # few pictures, to see that everything runs
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

import benchbench as bb

HERE = Path(__file__).parent
FILES = ("pictures.py", "train.py", "net.py", "study.yaml")
SEEN = ("val/disc/00000.png", "unmarked/disc/00000.png", "val/disc/00005.png", "unmarked/disc/00005.png")
LOOK = f"benchbench explain {' '.join(f'data/{name}' for name in SEEN)} --methods gradcam,layercam,saliency"


def steps(weights: str, folder: str) -> tuple[str, ...]:
    """Train on a folder, see, measure."""
    return (
        f"python3 train.py data/{folder} {weights}.pt",
        f"{LOOK} --model net.py:build:weights={weights}.pt --out {weights}.jpg",
        f"benchbench run study.yaml --models net.py:build:weights={weights}.pt:as={weights} --out runs/{weights}",
    )


STEPS = (
    "python3 pictures.py data",
    *steps("before", "train"),
    *steps("after", "repaired"),
    "benchbench compare runs/before runs/after",
)
SMALL = {
    "pictures.py": "--training 100 --validation 16",
    "train.py": "--epochs 10 --batch 16",
    "run": "--no-report --samples 48",
}
MARKED, UNMARKED = "with the watermark", "without the watermark"  # the data sets, as study.yaml calls them
MAPS = {"gradcam": "Grad-CAM", "layercam": "Layer-CAM", "saliency": "Gradient"}
MAPS |= {"random": "control: random map", "sobel": "control: edges of the picture"}
SHARES = {MARKED: "share on the watermark", UNMARKED: "share on the objects, no watermark"}
ACCURACY = {MARKED: "as in training", UNMARKED: "no watermark"}


def call(words: list[str], folder: Path) -> None:
    """Run a command in a folder; an error of it ends this script."""
    python = [sys.executable, *(["-m", "benchbench"] if words[0] == "benchbench" else [])]
    subprocess.run([*python, *words[1:]], cwd=folder, check=True)


def follow(folder: Path, small: bool, run: Callable[[list[str], Path], None]) -> None:
    """All steps, in a folder with copies of the scripts."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(HERE / name, folder)
    for step in STEPS:
        words = shlex.split(step)
        print(f"$ {step}", flush=True)
        run([*words, *(shlex.split(SMALL.get(words[1], "")) if small else [])], folder)


def share_rows(before: bb.Run, after: bb.Run) -> Iterator[dict[str, object]]:
    """The mean share of the maps before and after, and the difference, each with its 95 % interval."""
    pairs = before.versus(after).set_index(["dataset", "method"]).to_dict("index")
    boards = [run.leaderboard().set_index(["dataset", "method"]).to_dict("index") for run in (before, after)]
    for data, measured in SHARES.items():
        for method, title in MAPS.items():
            row: dict[str, object] = {"measured": measured, "row": title}
            for when, board in zip(("before", "after"), boards, strict=True):
                cell = board[data, method]
                row |= {when: cell["mean"], f"{when} low": cell["low"], f"{when} high": cell["high"]}
            pair = pairs[data, method]
            yield row | {"change": pair["mean_difference"], "change low": pair["low"], "change high": pair["high"]}


def accuracy_rows(before: bb.Run, after: bb.Run) -> Iterator[dict[str, object]]:
    """Right answers before and after, with Wilson's 95 % interval."""
    for data, title in ACCURACY.items():
        row: dict[str, object] = {"measured": "accuracy", "row": title}
        for when, run in (("before", before), ("after", after)):
            counted = next(each for each in run.record.info["accuracy"] if each["dataset"] == data)
            right, shown = counted["right"], counted["labelled"]
            low, high = proportion_confint(right, shown, method="wilson")
            row |= {
                when: right / shown,
                f"{when} low": low,
                f"{when} high": high,
                f"{when} right": f"{right} of {shown}",
            }
        yield row


def table(folder: Path) -> pd.DataFrame:
    """What the two runs say."""
    before, after = (bb.Run.load(folder / "runs" / name) for name in ("before", "after"))
    return pd.DataFrame([*share_rows(before, after), *accuracy_rows(before, after)])


def markdown(results: pd.DataFrame) -> str:
    """The table for people."""
    lines = ["| | before | after | after - before |", "|---|---|---|---|"]
    for measured, rows in results.groupby("measured", sort=False):
        lines.append(f"| **{measured}** | | | |")
        for row in rows.to_dict("records"):
            if measured == "accuracy":
                cells = [f"{row[f'{name} right']} {_numbers(row, name, 2)[5:]}" for name in ("before", "after")] + [""]
            else:
                cells = [_numbers(row, name, 3) for name in ("before", "after", "change")]
            lines.append("| " + " | ".join([str(row["row"]), *cells]) + " |")
    return "\n".join(lines) + "\n"


def _numbers(row: dict[Hashable, Any], name: str, digits: int) -> str:
    """A number with its interval."""
    sign = "+" if name == "change" else ""
    shown = (f"{round(row[key], digits) + 0.0:{sign}.{digits}f}" for key in (name, f"{name} low", f"{name} high"))
    return "{} [{}, {}]".format(*shown)


def main(words: list[str] | None = None, run: Callable[[list[str], Path], None] = call) -> pd.DataFrame:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="few pictures, to see that everything runs")
    parser.add_argument("--work", type=Path, default=Path("runs/shortcut"), help="where the commands are run")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the table and of both figures")
    options = parser.parse_args(words)
    follow(options.work, options.small, run)
    results = table(options.work)
    options.out.mkdir(parents=True, exist_ok=True)
    results.to_csv(options.out / "table.csv", index=False, float_format="%.6f")
    (options.out / "table.md").write_text(markdown(results), encoding="utf-8")
    for name in ("before.jpg", "after.jpg"):
        shutil.copy(options.work / name, options.out)
    print(markdown(results), end="")
    return results


if __name__ == "__main__":
    main()
