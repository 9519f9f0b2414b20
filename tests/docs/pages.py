"""docs/methods: a page per method from the registry and docs/definitions.md, and a picture of all on one photo.

Run as ``python -m tests.docs.pages``; the texts are tested to be what it writes.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
from matplotlib import cbook
from PIL import Image

from benchbench.attribution.layer_services import capture_batch
from benchbench.attribution.method_call import run_method
from benchbench.cost.ledger import Passes
from benchbench.network.scorer import Scorer
from benchbench.registry import METHODS, NEEDS, MethodPlugin, Plugin
from benchbench.testing import example_images
from benchbench.testing.method_contract import example_references, small_network_for
from benchbench.types import INPUT

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "docs" / "methods"
PHOTO = "grace_hopper.jpg"  # a work of the United States Navy, in the public domain; matplotlib carries it


@cache
def definitions() -> dict[str, tuple[str, str]]:
    """By method: its formula and notes, from the table in docs/definitions.md."""
    entries: dict[str, tuple[str, str]] = {}
    for line in (ROOT / "docs" / "definitions.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("| `") and len(cells) >= 2:
            for name in re.findall(r"`([^`]+)`", cells[0]):
                entries.setdefault(name, (cells[1], " | ".join(cells[2:]).strip(" |")))
    return entries


def page(plugin: MethodPlugin) -> str:
    """The page's text."""
    formula, notes = definitions()[plugin.name]
    lines = [
        f"# {plugin.display_name(plugin.bind({}))}",
        "",
        f"In study files: `{plugin.name}`.",
        "",
        _paragraphs(plugin),
        "",
        f"**Map.** {formula}" + (f" ({notes})" if notes else ""),
    ]
    lines += ["", f"**Optimises.** {', '.join(sorted(plugin.optimises))}"] if plugin.optimises else []
    lines += ["", f"**Source.** {_link(plugin.paper)}"] if plugin.paper else []
    lines += ["", "**Needs.** " + "; ".join(f"`{n}`: {NEEDS[n]}" for n in sorted(plugin.needs_of(plugin.bind({}))))]
    lines += ["", f"**Cost.** {cost(plugin.name)}"]
    if plugin.parameters:
        lines += ["", "| parameter | type | default |", "|---|---|---|"]
        lines += [f"| `{p.name}` | {_cell(p.type_name)} | `{p.default}` |" for p in plugin.parameters.values()]
    lines += ["", f"**When it fails.** {plugin.fails}"] if plugin.fails else []
    return "\n".join(lines) + "\n"


def index() -> str:
    """The list of all, with the picture."""
    intro = "Written from the registry; the formulas stand together in [definitions](../definitions.md)."
    lines = ["# Methods", "", intro]
    for title, control in (("Methods", False), ("Controls", True)):
        lines += [
            "",
            f"## {title}",
            "",
            "| name | in study files | in one line | cost on a small layer |",
            "|---|---|---|---|",
        ]
        for plugin in METHODS.load().values():
            if plugin.control is control and plugin.function.__module__.startswith("benchbench."):
                shown = plugin.display_name(plugin.bind({}))
                words = [f"[{shown}]({plugin.name}.md)", f"`{plugin.name}`", _cell(plugin.summary), cost(plugin.name)]
                lines.append(f"| {' | '.join(words)} |")
    shown = "What applies to the embedded network (EfficientNet-Lite0) at its last layer, on one photograph:"
    return "\n".join([*lines, "", shown, "", "![Every method's map of one photograph](all.jpg)"]) + "\n"


@cache
def cost(name: str) -> str:
    """Passes counted for one image, at a layer of 10 channels and 16 x 16 cells."""
    plugin = METHODS[name]
    if "dataset" in plugin.needs:
        return "none beside the maps it is made of"
    network = small_network_for(plugin.needs)
    few = {"masks": 10} if "detections" in plugin.needs else {}  # a detector is slow, and each mask is one pass more
    images, passes, params = example_images(1), Passes(), plugin.bind(few)
    needs = plugin.needs_of(params)
    place = INPUT if "input" in needs else "relu"
    captured = capture_batch(
        network, Scorer(network, passes=passes), images, [place], lambda z: torch.argmax(z, 1),
        gradient="gradient" in needs,
    )  # fmt: skip
    layer = captured.layer(place, (0,), torch.ones(1, 64, 64, dtype=torch.bool))
    run_method(plugin, replace(layer, data_references=example_references(images)), params)
    if few:
        return f"{passes.forwards - 10} forwards, and one for each mask"
    parts = [f"{passes.forwards} forward{'s' * (passes.forwards != 1)}"]
    parts += [f"{passes.backwards} backward{'s' * (passes.backwards != 1)}"] if passes.backwards else []
    parts += [f"{passes.rests} behind the layer"] if passes.rests else []
    return ", ".join(parts)


def pages() -> dict[str, str]:
    """By file name: every text."""
    builtin = [p for p in METHODS.load().values() if p.function.__module__.startswith("benchbench.")]
    return {"README.md": index(), **{f"{plugin.name}.md": page(plugin) for plugin in builtin}}


def photo(size: int = 512) -> Image.Image:
    """The photograph, cut to a square around the face."""
    with Image.open(str(cbook.get_sample_data(PHOTO, asfileobj=False))) as original:
        image = original.convert("RGB")
    return image.crop((0, 0, image.width, image.width)).resize((size, size))


def _paragraphs(plugin: Plugin) -> str:
    text = plugin.function.__doc__ or ""
    blocks = [" ".join(block.split()) for block in text.strip().split("\n\n")]
    return "\n\n".join(blocks).replace("``", "`")


def _link(paper: str) -> str:
    for prefix, address in (("arXiv:", "https://arxiv.org/abs/"), ("doi:", "https://doi.org/")):
        if paper.startswith(prefix):
            return f"[{paper}]({address}{paper.removeprefix(prefix)})"
    return paper


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("``", "`")


if __name__ == "__main__":
    from .picture import draw

    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.md"):
        old.unlink()
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    draw(photo(), FOLDER / "all.jpg")
