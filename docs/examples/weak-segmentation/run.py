"""Which saliency method gives the best seeds for weakly supervised segmentation, on which network?

python3 docs/examples/weak-segmentation/run.py            # a minute and a half of processor time
python3 docs/examples/weak-segmentation/run.py --small    # seconds: one network, a dozen scenes
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch.nn import functional as F

import benchbench as bb
from benchbench.datasets.builtin.shapes import shapes

HERE = Path(__file__).parent
CONTROLS = ["random", "center", "sobel"]
TRUTH = "oracle"


@dataclass(frozen=True)
class Size:
    """How much is done: networks, scenes and methods."""

    networks: tuple[str, ...] = (
        "zoo_residual",
        "zoo_plain",
        "zoo_dense",
        "zoo_mobile",
        "zoo_convnext",
        "zoo_vit",
    )
    scenes: int = 96
    methods: tuple[str, ...] = ("cam", "gradcam", "gradcam++", "layercam", "eigencam", "saliency", "chefer", "legrad")


SMALL = Size(networks=("zoo_plain",), scenes=12, methods=("gradcam", "layercam"))


def study(size: Size, folder: Path) -> bb.Run:
    """The suite makes the seeds of every method's stored maps; it counts all images together, class by class."""
    return bb.Study(
        suite="localisation",
        models=list(size.networks),
        datasets=[{"name": "shapes", "count": size.scenes}],
        layers="last",
        methods=[*size.methods, *CONTROLS, TRUTH],
        metrics=["iou", "pxap"],
        samples=size.scenes,
    ).run(folder, report=False, overwrite=True)


def table(run: bb.Run) -> pd.DataFrame:
    """mIoU of the seeds, one row per network and method, with its 95 % interval over images.

    ``clear`` says that the interval lies above that of every control of the same network.
    """
    seeds = run.seeds()
    rows = seeds[(seeds["class"] == "mean") & (seeds["scaling"] == "minmax")].drop(columns=["class", "scaling"])
    floor = rows[rows["method"].isin(CONTROLS)].groupby("model")["high"].max()
    return rows.assign(controls=rows["model"].map(floor), clear=rows["low"] > rows["model"].map(floor))


def markdown(results: pd.DataFrame) -> str:
    """The table for people: methods x networks, the interval behind each value, bold where it is clear of controls."""
    networks = list(dict.fromkeys(results["model"]))
    lines = ["| | " + " | ".join(f"`{name}`" for name in networks) + " |", "|---|" + "---|" * len(networks)]
    methods = [name for name in dict.fromkeys(results["method"]) if name not in (*CONTROLS, TRUTH)]
    for method in [*methods, *CONTROLS, TRUTH]:
        kind = "truth: " if method == TRUTH else "control: " if method in CONTROLS else ""
        title = f"{kind}`{method}`"
        cells = results[results["method"] == method].set_index("model")
        lines.append("| " + " | ".join([title, *(_cell(cells, name) for name in networks)]) + " |")
    return "\n".join(lines) + "\n"


def _cell(cells: pd.DataFrame, network: str) -> str:
    if network not in cells.index or pd.isna(cells.loc[network, "value"]):
        return "–"
    row = cells.loc[network]
    value = f"**{row['value']:.2f}**" if row["clear"] else f"{row['value']:.2f}"
    return f"{value} [{row['low']:.2f}, {row['high']:.2f}]"


def figure(run: bb.Run, results: pd.DataFrame, size: Size, file: Path) -> None:
    """Scenes, the seeds of each network's best method at the background score of the table, and the truth."""
    methods = results[~results["method"].isin((*CONTROLS, TRUTH))].dropna(subset="value")
    best = methods.loc[methods.groupby("model", sort=False)["value"].idxmax()]
    scenes, chosen = shapes(count=size.scenes), [0, 2, 7, 9]
    drawing = Figure(figsize=(1.35 * (2 + len(best)), 1.45 * len(chosen)), layout="constrained")
    for place, axes in zip(chosen, drawing.subplots(len(chosen), 2 + len(best)), strict=True):
        sample = scenes[place]
        panels = [("scene", sample.image), *_seeds(run, best, sample), ("truth", sample.mask)]
        for panel, (title, shown) in zip(axes, panels, strict=True):
            panel.imshow(np.asarray(shown), cmap="gray", vmin=0, vmax=1)
            panel.set_axis_off()
            if place == chosen[0]:
                panel.set_title(title, fontsize=8)
    drawing.savefig(file, dpi=100)
    with Image.open(file) as drawn:
        drawn.convert("RGB").quantize(128).save(file, optimize=True)


def _seeds(run: bb.Run, best: pd.DataFrame, sample: bb.Sample) -> list[tuple[str, torch.Tensor]]:
    """By network, the pixels that its best method gives the scene's class: the map above the background score."""
    pairs = []
    for row in best.to_dict("records"):
        stored = run.maps(model=row["model"], method=row["method"], sample=sample.id)[0]
        high = F.interpolate(torch.tensor(stored)[None, None], size=sample.mask.shape, mode="bilinear")[0, 0]
        scaled = (high - high.min()) / (high.max() - high.min()).clamp_min(1e-12)
        pairs.append((f"{row['model'].removeprefix('zoo_')}\n{row['method']}", scaled > row["best_background"]))
    return pairs


def main(words: list[str] | None = None) -> pd.DataFrame:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="one network and a dozen scenes")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of table.md, table.csv and seeds.png")
    parser.add_argument("--runs", type=Path, default=Path("runs/weak-segmentation"), help="folder of the results")
    options = parser.parse_args(words)
    size = SMALL if options.small else Size()
    run = study(size, options.runs)
    results = table(run)
    options.out.mkdir(parents=True, exist_ok=True)
    results.to_csv(options.out / "table.csv", index=False, float_format="%.4f")
    (options.out / "table.md").write_text(markdown(results), encoding="utf-8")
    figure(run, results, size, options.out / "seeds.png")
    print(markdown(results), end="")
    return results


if __name__ == "__main__":
    main()
