"""Do maps point an annotator at wrong labels? Orders a set with planted mistakes and counts what is found first.

python3 docs/examples/machine-teaching/run.py            # a minute of CPU; writes into this folder
python3 docs/examples/machine-teaching/run.py --small --out /tmp/teaching    # seconds
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata, t
from torch import Tensor, nn
from torchvision.transforms.functional import pil_to_tensor

import benchbench as bb
from benchbench.datasets.builtin.shapes import Shapes, shapes
from benchbench.models.zoo import zoo_network

matplotlib.use("Agg")
from matplotlib import pyplot as plt

METHODS = {"gradcam": "Grad-CAM", "layercam": "Layer-CAM", "saliency": "Gradient"}
HARD = {"distractors": 6, "occlusion": 1.0, "clutter": 5.0}  # the network is right on three of four scenes
MISTAKES = 0.1  # share of the labels
KINDS = {
    "object": "The label names another object",
    "texture": "The label has the wrong texture",
    "network": "The label is another network's error",
}
LOOKED = (10, 20, 50)  # images that the annotator looks at
LOSS, DIFFERS, BOTH = "loss", "prediction is not the label", "loss and Grad-CAM of the two classes"
ORACLE, CONTROL = "all mistakes first (oracle)", "random order (control)"
CURVES = {ORACLE: "black", LOSS: "tab:blue", "maps of label and prediction: Grad-CAM": "tab:red"}
CURVES |= {"maps of three methods": "tab:orange", DIFFERS: "tab:green", CONTROL: "grey"}


@dataclass(frozen=True)
class Batch:
    """Images (N, 3, 64, 64) as the network takes them, the labels of the annotator (N,), and which are wrong (N,)."""

    images: Tensor
    labels: Tensor
    wrong: np.ndarray


def labelled(count: int, seed: int, kind: str, spec: bb.ModelSpec) -> Batch:
    """Hard scenes, a tenth of them with a wrong label."""
    scenes = shapes(count=count, seed=seed, **HARD)
    generator = np.random.default_rng(seed)
    samples = [scenes[index] for index in range(count)]
    labels = np.array([sample.label for sample in samples])
    pixels = torch.stack([pil_to_tensor(sample.image) for sample in samples]).float() / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (spec.preprocess.mean, spec.preprocess.std))
    images = (pixels - mean) / std
    suggested = logits_of(zoo_network("mobile").network, images).argmax(1).numpy()
    candidates = np.flatnonzero(suggested != labels) if kind == "network" else np.arange(count)
    wrong = np.zeros(count, dtype=bool)
    wrong[generator.choice(candidates, round(MISTAKES * count), replace=False)] = True
    for i in np.flatnonzero(wrong):
        labels[i] = suggested[i] if kind == "network" else mistake(scenes, int(i), kind, generator)
    return Batch(images, torch.from_numpy(labels), wrong)


@torch.no_grad()
def logits_of(network: nn.Module, images: Tensor) -> Tensor:
    """(N, 12), in batches."""
    return torch.cat([network(part) for part in images.split(60)])


def mistake(scenes: Shapes, index: int, kind: str, generator: np.random.Generator) -> int:
    """A wrong label: the class of another object of the scene, if there is one; or the right shape in another texture.

    The twelve classes are four shapes, each in three textures: class // 3 is the shape.
    """
    true = scenes[index].label
    others = [instance.label for instance in scenes.instances(index) if instance.label != true]
    if kind == "texture":
        others = [label for label in range(12) if label != true and label // 3 == true // 3]
    return int(generator.choice(others or [label for label in range(12) if label != true]))


def shares(maps: Tensor) -> Tensor:
    """Maps (N, 1, H, W) with the sum 1; a constant map becomes uniform."""
    total = maps.sum((1, 2, 3), keepdim=True)
    return torch.where(total > 0, maps / total.clamp_min(1e-12), 1 / maps[0].numel())


def disagreement(first: Tensor, second: Tensor) -> np.ndarray:
    """(N,): the share of the mass that two maps place differently, 0 to 1 (total variation distance)."""
    return ((shares(first) - shares(second)).abs().sum((1, 2, 3)) / 2).numpy()


def explained(network: nn.Module, images: Tensor, target: Tensor, method: str) -> Tensor:
    """Maps of one class per image, in batches of 60."""
    parts = zip(images.split(60), target.split(60), strict=True)
    return torch.cat([bb.explain(network, some, method=method, target=classes) for some, classes in parts])


def orders(network: nn.Module, batch: Batch, seed: int) -> tuple[dict[str, np.ndarray], float]:
    """By name, a number per image, the highest first; and how often the map of a wrong label is empty.

    Empty: Grad-CAM of a wrong label is constant, as no cell speaks for the class.
    """
    logits = logits_of(network, batch.images)
    predicted, probability = logits.argmax(1), logits.softmax(1)
    loss = nn.functional.cross_entropy(logits, batch.labels, reduction="none").numpy()
    differs = (predicted != batch.labels).numpy()
    maps = {name: explained(network, batch.images, batch.labels, name) for name in METHODS}
    apart = {}
    for name, of_label in maps.items():
        of_prediction = explained(network, batch.images[differs], predicted[differs], name)
        apart[name] = np.zeros(len(loss))
        apart[name][differs] = disagreement(of_label[differs], of_prediction)
    names = list(METHODS)
    pairs = [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]
    ordered = {
        ORACLE: batch.wrong.astype(float),
        LOSS: loss,
        "margin of the prediction over the label": (probability.amax(1) - at(probability, batch.labels)).numpy(),
        "low confidence, whatever the label": -probability.amax(1).numpy(),
        DIFFERS: differs.astype(float),
        **{f"maps of label and prediction: {METHODS[name]}": apart[name] for name in METHODS},
        "maps of three methods": np.mean([disagreement(maps[a], maps[b]) for a, b in pairs], axis=0),
        BOTH: rankdata(loss) + rankdata(apart["gradcam"]),
        CONTROL: np.random.default_rng(seed + 1000).random(len(loss)),
    }
    return ordered, float((maps["gradcam"][batch.wrong].amax((1, 2, 3)) == 0).float().mean())


def at(values: Tensor, classes: Tensor) -> Tensor:
    return values.gather(1, classes[:, None])[:, 0]


def found(order: np.ndarray, wrong: np.ndarray, seed: int) -> np.ndarray:
    """(N + 1,): mistakes among the first 0, 1, ... N images; equal numbers in random order."""
    ties = np.random.default_rng(seed + 2000).random(len(order))
    return np.concatenate([[0], wrong[np.lexsort((ties, -order))].cumsum()])


def interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over seeds (first axis) and half of Student's 95 % interval."""
    half = t.ppf(0.975, len(values) - 1) * values.std(0, ddof=1) / np.sqrt(len(values))
    return values.mean(0), half


def tabulated(curves: dict[str, np.ndarray]) -> pd.DataFrame:
    """Mistakes found at each number of images with intervals; and what each order finds beyond the loss, paired."""
    rows = []
    for name, curve in curves.items():
        row: dict[str, object] = {"order": name}
        for count in (n for n in LOOKED if n < curve.shape[1]):
            mean, half = interval(curve[:, count])
            gain, around = interval((curve - curves[LOSS])[:, count])
            row |= {f"found_{count}": mean, f"half_{count}": half, f"gain_{count}": gain, f"gain_half_{count}": around}
        rows.append(row)
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    """The table for people."""
    counts = [column.removeprefix("found_") for column in table.columns if column.startswith("found_")]
    heads = [*(f"first {count}" for count in counts), f"first {counts[1]}, less the loss"]
    lines = ["| order | " + " | ".join(heads) + " |", "| :-- |" + " --: |" * len(heads)]
    for row in table.to_dict("records"):
        cells = [f"{row[f'found_{count}']:.1f} ± {row[f'half_{count}']:.1f}" for count in counts]
        gain = f"{row[f'gain_{counts[1]}']:+.1f} ± {row[f'gain_half_{counts[1]}']:.1f}"
        lines.append(f"| {row['order']} | " + " | ".join([*cells, "" if row["order"] == LOSS else gain]) + " |")
    return "\n".join(lines)


def figure(found_by_kind: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    """Mistakes found over images looked at, with the interval over seeds; a panel per kind of mistake."""
    drawing, axes = plt.subplots(1, len(found_by_kind), figsize=(13, 4), sharey=True)
    for axis, (kind, curves) in zip(axes, found_by_kind.items(), strict=True):
        for name, colour in CURVES.items():
            mean, half = interval(curves[name])
            axis.plot(mean, color=colour, label=name)
            axis.fill_between(np.arange(len(mean)), mean - half, mean + half, color=colour, alpha=0.15, linewidth=0)
        axis.set(title=KINDS[kind], xlabel="images looked at", xlim=(0, len(mean) - 1), ylim=(0, mean[-1] * 1.05))
    axes[0].set_ylabel("planted mistakes found")
    axes[1].legend(fontsize=8, loc="lower right")
    drawing.savefig(path, dpi=90, bbox_inches="tight")
    plt.close(drawing)


@dataclass(frozen=True)
class Outcome:
    """Of one kind of mistake: by order, the mistakes found (seeds, N + 1); the network's accuracy; empty maps."""

    curves: dict[str, np.ndarray]
    accuracy: float
    empty: float


def outcome(kind: str, count: int, seeds: int, spec: bb.ModelSpec) -> Outcome:
    """All seeds of one kind of mistake; accuracy is that on scenes whose label is right."""
    curves: dict[str, list[np.ndarray]] = {}
    accuracy, empty = [], []
    for seed in range(1, seeds + 1):
        batch = labelled(count, seed, kind, spec)
        ordered, constant = orders(spec.network, batch, seed)
        accuracy.append(1 - ordered[DIFFERS][~batch.wrong].mean())
        empty.append(constant)
        for name, order in ordered.items():
            curves.setdefault(name, []).append(found(order, batch.wrong, seed))
    return Outcome({name: np.stack(rows) for name, rows in curves.items()}, np.mean(accuracy), np.mean(empty))


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="few images and seeds: for a test")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where the tables and the figure go")
    given = parser.parse_args(words)
    count, seeds = (60, 2) if given.small else (240, 8)
    given.out.mkdir(parents=True, exist_ok=True)
    spec = zoo_network("dense")
    outcomes = {kind: outcome(kind, count, seeds, spec) for kind in KINDS}
    tables = {kind: tabulated(each.curves).assign(mistakes=kind) for kind, each in outcomes.items()}
    pd.concat(tables.values()).to_csv(given.out / "table.csv", index=False)
    parts = [
        f"{seeds} seeds; in each {count} scenes and {round(MISTAKES * count)} wrong labels. Mistakes found, mean over "
        "seeds ± half of the 95 % interval (Student)."
    ]
    for kind, each in outcomes.items():
        about = (
            f"Right where the label is right: {each.accuracy:.0%}. Empty Grad-CAM of a wrong label: {each.empty:.0%}."
        )
        parts += [f"**{KINDS[kind]}.** {about}", markdown(tables[kind])]
    text = "\n\n".join(parts) + "\n"
    (given.out / "table.md").write_text(text, encoding="utf-8")
    figure({kind: each.curves for kind, each in outcomes.items()}, given.out / "found.png")
    print(text)


if __name__ == "__main__":
    main()
