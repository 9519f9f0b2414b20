"""Two species differ in the beak alone: do the maps of a trained network sit on it? Draw, train, explain, judge.

python3 docs/examples/fine-grained/run.py            # half a minute of processor time
python3 docs/examples/fine-grained/run.py --small    # seconds: far too little training for results
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from birds import SIDE, SPECIES, Birds, birds
from matplotlib.figure import Figure
from scipy.stats import bootstrap
from torch import nn
from torch.nn import functional as F

import benchbench as bb

HERE = Path(__file__).parent
METHODS = ("cam", "gradcam", "gradcam++", "layercam", "scorecam", "saliency", "integratedgradients")
CONTROLS = ("random", "center", "sobel")  # none of them knows the network
TRUTH = "oracle"
KINDS = ("method", "control", "truth")  # the order of the table
BEAK = {"energy": "mean", "energy low": "low", "energy high": "high"}  # columns of the leaderboard
SHOWN = ("gradcam", "scorecam", "saliency", "integratedgradients", "sobel")  # in the figure


@dataclass(frozen=True)
class Size:
    """How much is done: pictures to learn from and to judge, passes over them, and the methods."""

    training: int = 1500
    judged: int = 100
    epochs: int = 5
    methods: tuple[str, ...] = METHODS


SMALL = Size(training=96, judged=16, epochs=1, methods=("cam", "gradcam"))


def network() -> nn.Sequential:
    """Four convolutions, a last map of 16 x 16, and one linear layer on its mean."""

    def block(before: int, after: int, size: int = 3, stride: int = 1) -> nn.Sequential:
        convolution = nn.Conv2d(before, after, size, stride, size // 2, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())

    features = nn.Sequential(block(3, 16, 5, 2), block(16, 32), nn.MaxPool2d(2), block(32, 32), block(32, 32))
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 2))


def trained(data: Birds, epochs: int) -> nn.Module:
    """The network, trained on the names of the species alone: it never sees a mask."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net, batches = network(), len(data.labels) // 32
        optimizer = torch.optim.AdamW(net.parameters(), 5e-3, weight_decay=0.02)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=epochs * batches + 1)
        for _ in range(epochs):
            for chosen in torch.randperm(len(data.labels)).split(32)[:batches]:
                loss = F.cross_entropy(net(data.images[chosen]), data.labels[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                cycle.step()
    return net.eval()


def accuracy(net: nn.Module, data: Birds) -> float:
    with torch.no_grad():
        return float((net(data.images).argmax(1) == data.labels).double().mean())


def study(net: nn.Module, data: Birds, methods: tuple[str, ...], folder: Path) -> bb.Run:
    """Maps of the right species; the object, of which benchbench asks, is the place of the beak."""
    preprocess = bb.Preprocess(resize=None, crop=SIDE, mean=(0.5,) * 3, std=(0.5,) * 3)
    return bb.Study(
        models={"birder": bb.ModelSpec("birder", net, preprocess, classes=SPECIES)},
        datasets={"birds": (data.images, data.labels, data.beaks)},
        methods=[*methods, *CONTROLS, TRUTH],
        metrics=["energy_pointing_game"],
        target="label",
        samples=len(data.labels),
    ).run(folder, report=False, overwrite=True)


def table(run: bb.Run, data: Birds) -> pd.DataFrame:
    """One row per method: energy on the beak and on the tail, and the beak's share of both, for each species.

    The share is of each picture; a map without energy on either has the share 1/2. A method passes where the 95 %
    interval of the mean share lies above 1/2.
    """
    board, area = run.leaderboard().set_index("method"), float(data.beaks.float().mean())
    rows = []
    for method in board.index:
        maps = run.maps(method=method)
        places = torch.tensor(maps.keys["sample"].astype(int).tolist())
        heat = scaled(maps.stack())
        beak, tail = (_energy(heat, part[places]) for part in (data.beaks, data.tails))
        share = np.divide(beak, beak + tail, out=np.full(len(beak), 0.5), where=beak + tail > 0)
        row: dict[str, object] = {"method": method, "kind": kind(method)}
        row |= {key: board.loc[method, column] for key, column in BEAK.items()}
        row |= {"area": area, "energy / area": row["energy"] / area, "tail energy": tail.mean()}
        row |= _interval("share", share)
        row |= {name: share[data.labels[places].numpy() == k].mean() for k, name in enumerate(SPECIES)}
        row["sits on the beak"] = row["share low"] > 0.5
        rows.append(row)
    return pd.DataFrame(rows).sort_values("kind", key=lambda kinds: kinds.map(KINDS.index), kind="stable")


def kind(method: str) -> str:
    """How the table calls a row."""
    return "truth" if method == TRUTH else "control" if method in CONTROLS else "method"


def scaled(stored: np.ndarray) -> torch.Tensor:
    """float64 (N, 64, 64): maps at the pictures' size, each min-max normalised, as benchbench's metrics see them."""
    large = F.interpolate(torch.tensor(stored, dtype=torch.float64)[:, None], size=(SIDE, SIDE), mode="bilinear")[:, 0]
    low, high = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
    return (large - low) / (high - low).clamp_min(1e-12)


def _energy(heat: torch.Tensor, part: torch.Tensor) -> np.ndarray:
    """(N,): the share of each map's energy that lies on the part; 0 for a map without energy."""
    return ((heat * part).sum((1, 2)) / heat.sum((1, 2)).clamp_min(1e-12)).numpy()


def _interval(name: str, values: np.ndarray) -> dict[str, float]:
    """The mean and its 95 % bootstrap interval over pictures."""
    mean = float(values.mean())
    if np.ptp(values) == 0:
        return {name: mean, f"{name} low": mean, f"{name} high": mean}
    drawn = bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(0)).confidence_interval
    return {name: mean, f"{name} low": drawn.low, f"{name} high": drawn.high}


def markdown(results: pd.DataFrame) -> str:
    """The table for people: means with 95 % intervals, controls and the truth below the methods."""
    heads = [
        "",
        "energy on the beak",
        "energy / area",
        "energy on the tail",
        "beak / (beak + tail)",
        *SPECIES,
        "passes",
    ]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---|" * (len(heads) - 1)]
    for row in results.to_dict("records"):
        name = f"`{row['method']}`" if row["kind"] == "method" else f"{row['kind']}: `{row['method']}`"
        energy, share = (f"{row[k]:.3f} [{row[f'{k} low']:.3f}, {row[f'{k} high']:.3f}]" for k in ("energy", "share"))
        cells = [energy, f"{row['energy / area']:.1f}", f"{row['tail energy']:.3f}", share]
        cells += [*(f"{row[name]:.2f}" for name in SPECIES), "yes" if row["sits on the beak"] else "no"]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines) + "\n"


def figure(run: bb.Run, data: Birds, methods: list[str], file: Path) -> None:
    """Two birds of each species, the places of beak (white) and tail (grey), and the maps laid over them."""
    samples = {int(name): name for name in run.table["sample"].unique()}
    chosen = [1, 3, 0, 2]  # long, long, short, short
    drawing = Figure(figsize=(1.25 * (2 + len(methods)), 1.35 * len(chosen)), layout="constrained")
    for place, axes in zip(chosen, drawing.subplots(len(chosen), 2 + len(methods)), strict=True):
        picture = (data.images[place].permute(1, 2, 0) + 1) / 2
        truth = data.beaks[place] + 0.4 * data.tails[place]
        maps = [scaled(run.maps(method=name, sample=samples[place]).stack())[0] for name in methods]
        titles = [SPECIES[int(data.labels[place])], "beak, tail", *methods]
        for panel, title, above in zip(axes, titles, [None, None, *maps], strict=True):
            panel.imshow((truth if title == "beak, tail" else picture).numpy(), cmap="gray")
            if above is not None:
                panel.imshow(above.numpy(), cmap=mpl.colormaps["inferno"], alpha=0.6)
            panel.set_axis_off()
            if place == chosen[0] or title in SPECIES:
                panel.set_title(title, fontsize=9)
    drawing.savefig(file, dpi=72)


def main(words: list[str] | None = None) -> pd.DataFrame:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="few pictures and one pass, to see that everything runs")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of table.md, table.csv and maps.png")
    parser.add_argument("--runs", type=Path, default=Path("runs/fine-grained"), help="folder of the study's results")
    options = parser.parse_args(words)
    size = SMALL if options.small else Size()
    data, held_out = birds(size.training, seed=0), birds(size.judged, seed=1)
    began = time.process_time()
    net = trained(data, size.epochs)
    print(f"trained in {time.process_time() - began:.0f} s of processor time", flush=True)
    print(f"right on {accuracy(net, held_out):.1%} of {len(held_out.labels)} held-out pictures", flush=True)
    run = study(net, held_out, size.methods, options.runs)
    results = table(run, held_out)
    options.out.mkdir(parents=True, exist_ok=True)
    results.to_csv(options.out / "table.csv", index=False, float_format="%.4f")
    (options.out / "table.md").write_text(markdown(results), encoding="utf-8")
    shown = [name for name in SHOWN if name in (*size.methods, *CONTROLS)]
    figure(run, held_out, shown, options.out / "maps.png")
    print(markdown(results), end="")
    return results


if __name__ == "__main__":
    main()
