"""Which part of the picture does each word of a caption come from, and each answer? A map per word, scored.

python3 docs/examples/captioning-and-vqa/run.py            # a minute of CPU; writes into this folder
python3 docs/examples/captioning-and-vqa/run.py --small --out /tmp/captions    # seconds
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import torch
from reader import Asked, NextWord, Reader, train
from scenes import WORDS, Picture, draw_scene, ids, image, mask
from torch import Tensor, nn

import benchbench as bb

matplotlib.use("Agg")
from matplotlib import pyplot as plt

METHODS = ["gradcam", "hirescam", "layercam", "saliency", "inputxgradient", "occlusion"]
PARAMETERS = {"occlusion": {"window": 8, "stride": 8}}
CONTROLS = ["random", "center", "sobel", "oracle"]  # their maps are the same for every word
NAMED = {1: (0,), 2: (0,), 3: (0, 1), 6: (1,), 7: (1,)}  # by place of a word, the objects that it is about
FUNCTION = {0: (0,), 4: (1,), 5: (1,)}  # "a", "of", "a": the object that the next noun names
KINDS = ("content words", "other object", "relations", "function words", "shape answers", "shape answers, other object")


@dataclass(frozen=True)
class Size:
    """How many training scenes, epochs and explained scenes; and whether only right words and answers are scored."""

    training: int
    epochs: int
    explained: int
    only_right: bool = True


FULL, SMALL = Size(2000, 12, 20), Size(96, 2, 3, only_right=False)


@dataclass(frozen=True)
class Asking:
    """One thing to explain: a scene, a word that follows ``before`` or answers a question, and the objects it names."""

    picture: int
    kind: str
    network: tuple[str, ...]  # the words so far, or the question
    word: str
    objects: tuple[int, ...]


def askings(pictures: list[Picture]) -> list[Asking]:
    """Every word of every caption, and the answers to two questions about each of the two objects."""
    listed = []
    for i, picture in enumerate(pictures):
        caption = picture.caption
        for place, word in enumerate(caption):
            kind = "function words" if place in FUNCTION else "relations" if place == 3 else "content words"
            listed.append(Asking(i, kind, tuple(caption[:place]), word, {**NAMED, **FUNCTION}[place]))
        for which in (0, 1):
            for what in ("colour", "shape"):
                question, answer = picture.question(which, what)
                listed.append(Asking(i, f"{what} answers", tuple(question), answer, (which,)))
    return listed


def wrapped(reader: Reader, asking: Asking) -> nn.Module:
    """The network that is explained: from images to the logits of the next word, or of the answer."""
    words = list(asking.network)
    return (Asked if asking.kind.endswith("answers") else NextWord)(reader, words).eval()


def grouped(listed: list[Asking]) -> list[list[Asking]]:
    """Askings of one network together: they are explained in one call."""
    groups: dict[tuple[bool, tuple[str, ...]], list[Asking]] = defaultdict(list)
    for asking in listed:
        groups[asking.kind.endswith("answers"), asking.network].append(asking)
    return list(groups.values())


def maps_of(reader: Reader, images: Tensor, group: list[Asking], method: str) -> Tensor:
    """(N, 40, 40): one map per asking of a group."""
    shown = images[[asking.picture for asking in group]]
    target = ids([asking.word for asking in group])
    network, parameters = wrapped(reader, group[0]), PARAMETERS.get(method, {})
    return bb.explain(network, shown, method=method, layer="reader.encoder", target=target, **parameters)[:, 0]


def share(heights: Tensor, region: Tensor) -> float:
    """The share of a map's mass on a region; 0 if the map is empty, as in the metric energy_pointing_game."""
    total = float(heights.sum())
    return float(heights[region].sum()) / total if total else 0.0


def scores(reader: Reader, pictures: list[Picture], listed: list[Asking]) -> pd.DataFrame:
    """A row per method and asking: the share of the map on the named object, and on the other one."""
    images = torch.stack([image(picture) for picture in pictures])
    first = NextWord(reader, []).eval()
    fixed = {name: bb.explain(first, images, method=name, layer="reader.encoder")[:, 0] for name in CONTROLS[:-1]}
    rows = []
    for group in grouped(listed):
        named = [mask(pictures[asking.picture], *asking.objects) for asking in group]
        others = [mask(pictures[asking.picture], *({0, 1} - set(asking.objects))) for asking in group]
        maps_by_method = {method: maps_of(reader, images, group, method) for method in METHODS}
        maps_by_method |= {name: maps[[asking.picture for asking in group]] for name, maps in fixed.items()}
        maps_by_method["oracle"] = torch.stack(named).float()
        for method, maps in maps_by_method.items():
            for asking, heights, on, off in zip(group, maps, named, others, strict=True):
                row = {"method": method, "picture": asking.picture, "kind": asking.kind, "word": asking.word}
                rows.append(row | {"named": share(heights, on), "other": share(heights, off)})
    return pd.DataFrame(rows)


def tabulated(scored: pd.DataFrame) -> pd.DataFrame:
    """A row per method and column of the table: mean and 95 % bootstrap interval, the scene as unit."""
    rows = []
    for method in [*METHODS, *CONTROLS]:
        of_method = scored[scored["method"] == method]
        for kind in KINDS:
            base, side = {
                "other object": ("content words", "other"),
                "shape answers, other object": ("shape answers", "other"),
            }.get(kind, (kind, "named"))
            values = of_method[of_method["kind"] == base].groupby("picture")[side].mean().to_numpy()
            low, high = interval(values)
            rows.append({"method": method, "kind": kind, "mean": values.mean(), "low": low, "high": high})
    return pd.DataFrame(rows)


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % percentile bootstrap of the mean, 5,000 resamples of the scenes."""
    drawn = np.random.default_rng(0).integers(len(values), size=(5000, len(values)))
    low, high = np.quantile(values[drawn].mean(1), [0.025, 0.975])
    return float(low), float(high)


def markdown(table: pd.DataFrame) -> str:
    """The table for people; controls below."""
    lines = ["| method | " + " | ".join(KINDS) + " |", "| :-- |" + " --: |" * len(KINDS)]
    for method in [*METHODS, *CONTROLS]:
        rows = table[table["method"] == method].set_index("kind").loc[list(KINDS)]
        cells = [f"{row['mean']:.2f} [{row['low']:.2f}, {row['high']:.2f}]" for _, row in rows.iterrows()]
        name = f"control: {method}" if method in CONTROLS else method
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


@torch.no_grad()
def probabilities(reader: Reader, pictures: list[Picture], asking: Asking) -> tuple[bool, list[float]]:
    """Whether the word is the likeliest; its probability with all objects, without the named, without the other."""
    removed = [(), asking.objects, tuple({0, 1} - set(asking.objects))]
    scenes = torch.stack([image(pictures[asking.picture], without) for without in removed])
    logits, word = wrapped(reader, asking)(scenes), WORDS.index(asking.word)
    return int(logits[0].argmax()) == word, logits.softmax(1)[:, word].tolist()


def facts(listed: list[Asking], answered: list[tuple[bool, list[float]]], size: Size) -> str:
    """Whether the reader is right; and whether words depend on the objects that they name, by removing these."""
    rates = {
        kind: np.mean([right for asking, (right, _) in zip(listed, answered, strict=True) if asking.kind == kind])
        for kind in dict.fromkeys(asking.kind for asking in listed)
    }
    lines = [
        f"On {size.explained} new scenes the reader is right in "
        + ", ".join(f"{rate:.0%} of the {kind}" for kind, rate in rates.items())
        + ". Mean probability of the right word"
        + (", where the reader is right:\n" if size.only_right else ":\n"),
        "| | whole scene | without the named object | without the other object |",
        "| :-- | --: | --: | --: |",
    ]
    for kind in ("content words", "function words", "shape answers", "colour answers"):
        kept = [
            values
            for asking, (right, values) in zip(listed, answered, strict=True)
            if asking.kind == kind and (right or not size.only_right)
        ]
        lines.append(f"| {kind} | " + " | ".join(f"{value:.2f}" for value in np.mean(kept, axis=0)) + " |")
    return "\n".join(lines)


def figure(reader: Reader, pictures: list[Picture], kept: list[Asking], path: Path) -> None:
    """A scene with a map per word of its caption, and per answer that is right, by two methods."""
    images = torch.stack([image(picture) for picture in pictures])
    picture = pictures[kept[0].picture]
    caption = [asking for asking in kept if not asking.kind.endswith("answers")]
    answers = [asking for asking in kept if asking.kind.endswith("answers")]
    shown = (images[kept[0].picture] + 225 / 255).clamp(0, 1).permute(1, 2, 0).numpy()
    axes = plt.figure(figsize=(13, 5.6)).subplots(3, 8, squeeze=False)
    rows = [("gradcam", caption), ("hirescam", caption), ("hirescam", answers)]
    for line, (method, listed) in zip(axes, rows, strict=True):
        for axis in line:
            axis.set_axis_off()
        for axis, asking in zip(line[: len(listed)], listed, strict=True):
            axis.imshow(shown)
            axis.imshow(maps_of(reader, images, [asking], method)[0].numpy(), cmap="magma", alpha=0.65)
            axis.contour(mask(picture, *asking.objects).numpy(), levels=[0.5], colors="lime", linewidths=1)
            question = asking.kind.endswith("answers")
            axis.set_title(
                f"{asking.network[1]} of the {asking.network[-1]}?\n{asking.word}" if question else asking.word,
                fontsize=9,
            )
        line[0].text(-4, 20, method, rotation=90, va="center", ha="right", fontsize=9)
    axes[2][6].imshow(shown)
    axes[2][6].set_title("the scene", fontsize=9)
    plt.savefig(path, dpi=75, bbox_inches="tight")
    plt.close()


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="few scenes: for a test")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where the tables and the figure go")
    given = parser.parse_args(words)
    size = SMALL if given.small else FULL
    given.out.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    reader = train([draw_scene(generator) for _ in range(size.training)], size.epochs)
    pictures = [draw_scene(generator) for _ in range(size.explained)]
    listed = askings(pictures)
    answered = [probabilities(reader, pictures, asking) for asking in listed]
    kept = [asking for asking, (right, _) in zip(listed, answered, strict=True) if right or not size.only_right]
    table = tabulated(scores(reader, pictures, [asking for asking in kept if asking.kind in KINDS]))
    table.to_csv(given.out / "table.csv", index=False)
    about = f"Share of the map's mass on the object, mean over {len(pictures)} scenes with 95 % interval:"
    text = f"{facts(listed, answered, size)}\n\n{about}\n\n{markdown(table)}\n"
    (given.out / "table.md").write_text(text, encoding="utf-8")
    clearest = max(range(len(pictures)), key=[asking.picture for asking in kept].count)
    figure(reader, pictures, [asking for asking in kept if asking.picture == clearest], given.out / "words.png")
    print(text)


if __name__ == "__main__":
    main()
