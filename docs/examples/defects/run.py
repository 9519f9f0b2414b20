"""Do saliency maps of a good / defect classifier find the defects? Draw, train, explain, judge, write the table.

python3 docs/examples/defects/run.py            # about a minute of processor time
python3 docs/examples/defects/run.py --small    # seconds: far too little training for results
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import anomaly_metrics  # noqa: F401 - registers PRO and F1
import matplotlib as mpl
import pandas as pd
import torch
from fabric import DEFECT, KINDS, SIDE, Fabrics, fabrics
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional as F

import benchbench as bb

HERE = Path(__file__).parent
METHODS = ["cam", "gradcam", "gradcam++", "layercam", "scorecam", "saliency", "integratedgradients"]
CONTROLS = ["random", "center", "sobel"]  # none of them asks the network for its reasons
TRUTH = "oracle"
ROWS = ("method", "control", "truth")  # the order of the table
SHOWN = ("gradcam", "scorecam", "saliency", "integratedgradients", "sobel")  # in the figure
METRICS = {"attribution_auc": "pixel AUROC", "pro": "PRO", "f1": "F1"}
PASS = {"pixel AUROC": 0.75, "PRO": 0.575, "F1": None}  # half-way from chance (0.5, 0.15) to 1


@dataclass(frozen=True)
class Size:
    """How much is done: pictures to learn from and to judge, passes over them, and the methods."""

    training: int = 3000
    judged: int = 60
    epochs: int = 8
    methods: tuple[str, ...] = tuple(METHODS)


SMALL = Size(training=96, judged=20, epochs=1, methods=("cam", "gradcam"))


def network() -> nn.Sequential:
    """Four convolutions, a last map of 16 x 16, and one linear layer on its mean."""

    def block(before: int, after: int, size: int = 3, stride: int = 1) -> nn.Sequential:
        convolution = nn.Conv2d(before, after, size, stride, size // 2, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())

    features = nn.Sequential(block(3, 24, 5, 2), block(24, 32), nn.MaxPool2d(2), block(32, 48), block(48, 48))
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, 2))


def trained(data: Fabrics, epochs: int) -> nn.Module:
    """The network, trained on the labels good / defect alone: it never sees a mask."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net, steps = network(), epochs * (len(data.labels) // 32)
        optimizer = torch.optim.AdamW(net.parameters(), 5e-3, weight_decay=0.02)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps + 1)
        for _ in range(epochs):
            for chosen in torch.randperm(len(data.labels)).split(32)[: len(data.labels) // 32]:
                loss = F.cross_entropy(net(data.images[chosen]), data.labels[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                cycle.step()
    return net.eval()


def accuracy(net: nn.Module, data: Fabrics) -> float:
    with torch.no_grad():
        return float((net(data.images).argmax(1) == data.labels).double().mean())


def study(net: nn.Module, data: Fabrics, methods: tuple[str, ...], folder: Path) -> bb.Run:
    """Maps of the answer "defect" on the defective pictures, judged against their pixels."""
    defective = data.labels == DEFECT
    preprocess = bb.Preprocess(resize=None, crop=SIDE, mean=(0.5,) * 3, std=(0.5,) * 3)
    return bb.Study(
        models={"inspector": bb.ModelSpec("inspector", net, preprocess, classes=("good", "defect"))},
        datasets={"fabric": (data.images[defective], data.labels[defective], data.masks[defective])},
        methods=[*methods, *CONTROLS, TRUTH],
        metrics=list(METRICS),
        target="label",
        samples=int(defective.sum()),
    ).run(folder, report=False, overwrite=True)


def table(run: bb.Run) -> pd.DataFrame:
    """One row per method: each metric's mean with its 95 % interval, PRO of all images together, and the verdict."""
    board = run.leaderboard().set_index(["metric", "method"])
    together = run.pooled().set_index("method")
    rows = []
    for method in dict.fromkeys(run.leaderboard()["method"]):
        row: dict[str, object] = {"method": method, "kind": kind(method)}
        for metric, title in METRICS.items():
            cell = board.loc[(metric, method)]
            row |= {title: cell["mean"], f"{title} low": cell["low"], f"{title} high": cell["high"]}
        row["PRO, all images"] = together.loc[method, "value"]
        row["finds defects"] = row["pixel AUROC low"] > PASS["pixel AUROC"] and row["PRO low"] > PASS["PRO"]
        rows.append(row)
    return pd.DataFrame(rows).sort_values("kind", key=lambda kinds: kinds.map(ROWS.index), kind="stable")


def kind(method: str) -> str:
    """How the table calls a row."""
    return "truth" if method == TRUTH else "control" if method in CONTROLS else "method"


def markdown(results: pd.DataFrame) -> str:
    """The table for people: means with 95 % intervals, controls and the truth below the methods."""
    heads = ["", *METRICS.values(), "PRO, all images", "finds defects"]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---|" * (len(heads) - 1)]
    for row in results.to_dict("records"):
        name = f"`{row['method']}`" if row["kind"] == "method" else f"{row['kind']}: `{row['method']}`"
        means = [f"{row[t]:.2f} [{row[f'{t} low']:.2f}, {row[f'{t} high']:.2f}]" for t in METRICS.values()]
        verdict = "yes" if row["finds defects"] else "no"
        lines.append("| " + " | ".join([name, *means, f"{row['PRO, all images']:.2f}", verdict]) + " |")
    return "\n".join(lines) + "\n"


def figure(run: bb.Run, data: Fabrics, methods: list[str], file: Path) -> None:
    """A picture of each kind of defect, its truth, and the maps laid over it."""
    defective = (data.labels == DEFECT).nonzero().flatten().tolist()
    samples = {int(name): name for name in run.table["sample"].unique()}
    kinds = [data.kinds[place] for place in defective]
    rows = [kinds.index(kind) for kind in KINDS if kind in kinds]
    drawing = Figure(figsize=(1.25 * (2 + len(methods)), 1.35 * len(rows)), layout="constrained")
    for place, axes in zip(rows, drawing.subplots(len(rows), 2 + len(methods)), strict=True):
        picture = (data.images[defective[place]].permute(1, 2, 0) + 1) / 2
        maps = [_upsampled(run.maps(method=method, sample=samples[place])[0]) for method in methods]
        for panel, title, above in zip(axes, ["picture", "truth", *methods], [None, None, *maps], strict=True):
            panel.imshow((data.masks[defective[place]] if title == "truth" else picture).numpy(), cmap="gray")
            if above is not None:
                panel.imshow(above.numpy(), cmap=mpl.colormaps["inferno"], alpha=0.6)
            panel.set_axis_off()
            if place == rows[0]:
                panel.set_title(title, fontsize=9)
    drawing.savefig(file, dpi=72)


def _upsampled(stored: object) -> Tensor:
    return F.interpolate(torch.tensor(stored)[None, None], size=(SIDE, SIDE), mode="bilinear")[0, 0]


def main(words: list[str] | None = None) -> pd.DataFrame:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="few pictures and one pass, to see that everything runs")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of table.md, table.csv and maps.png")
    parser.add_argument("--runs", type=Path, default=Path("runs/defects"), help="folder of the study's results")
    options = parser.parse_args(words)
    size = SMALL if options.small else Size()
    data, held_out = fabrics(size.training, seed=0), fabrics(2 * size.judged, seed=1)
    began = time.process_time()
    net = trained(data, size.epochs)
    print(f"trained in {time.process_time() - began:.0f} s of processor time", flush=True)
    print(f"right on {accuracy(net, held_out):.1%} of {len(held_out.labels)} held-out pictures", flush=True)
    run = study(net, held_out, size.methods, options.runs)
    results = table(run)
    options.out.mkdir(parents=True, exist_ok=True)
    results.to_csv(options.out / "table.csv", index=False, float_format="%.4f")
    (options.out / "table.md").write_text(markdown(results), encoding="utf-8")
    shown = [name for name in SHOWN if name in (*size.methods, *CONTROLS)]
    figure(run, held_out, shown, options.out / "maps.png")
    print(markdown(results), end="")
    return results


if __name__ == "__main__":
    main()
