"""The table of the zoo in docs/shapes.md, of what the weights' files say, and the page's picture: by ``make zoo``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchbench.datasets.builtin.shapes import shapes
from benchbench.models.zoo import header, weights_file, zoo_network
from benchbench.models.zoo_networks import ARCHITECTURES, SIDE
from benchbench.network.layers import resolve
from benchbench.registry import MODELS

FILE = Path(__file__).parents[2] / "docs" / "shapes.md"
PICTURE = FILE.with_name("shapes.png")
START, END = "<!-- written by make zoo -->\n", "<!-- end -->"


def table() -> str:
    """A row for each network: what it is, its size, its stages and its accuracy."""
    lines = ["| network | in reports | architecture | parameters | kB | `stages` | right on held-out scenes | epochs |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    total = 0.0
    for name, build in ARCHITECTURES.items():
        network, facts = zoo_network(name).network, header(name)
        size = weights_file(name).stat().st_size / 1000
        total += size
        stages = ", ".join(f"`{layer}`" for layer in resolve(network, torch.zeros(1, 3, SIDE, SIDE), "stages"))
        what = (build.__doc__ or "").split("\n")[0].rstrip(".")
        cells = [f"`zoo_{name}`", MODELS[f"zoo_{name}"].title, what]
        cells += [f"{sum(p.numel() for p in network.parameters()):,}", f"{size:.0f}", stages]
        cells += [f"{float(facts['accuracy']):.1%} of {int(facts['held_out']):,}", facts["epochs"]]
        lines.append(f"| {' | '.join(cells)} |")
    learnt = {int(header(name)["scenes"]) for name in ARCHITECTURES}
    lines += [
        "",
        f"Together {total:,.0f} kB in float16, learnt on {min(learnt):,} scenes of the split `train`, seed 0.",
    ]
    return "\n".join(lines) + "\n"


def written(text: str) -> str:
    """The page with the table in its place."""
    before, _, rest = text.partition(START)
    return f"{before}{START}\n{table()}\n{END}{rest.partition(END)[2]}"


def picture() -> Image.Image:
    """The first twelve scenes, below each its mask, and below that its twin; twice enlarged, with white between."""
    data = shapes(count=12)
    columns = []
    for i in range(12):
        sample = data[i]
        assert sample.mask is not None
        mask = np.repeat(sample.mask.numpy()[:, :, None] * np.uint8(255), 3, axis=2)
        rows = [np.array(sample.image), mask, np.array(data.twin(i).image)]
        columns.append(np.concatenate([np.pad(row, ((1, 1), (1, 1), (0, 0)), constant_values=255) for row in rows]))
    return Image.fromarray(np.concatenate(columns, axis=1).repeat(2, axis=0).repeat(2, axis=1))


def write() -> None:
    FILE.write_text(written(FILE.read_text(encoding="utf-8")), encoding="utf-8")
    picture().save(PICTURE, optimize=True)
    print(FILE, PICTURE)
