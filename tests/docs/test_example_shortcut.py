"""docs/examples/shortcut: its commands run in miniature and show the repair, and its page shows what they wrote."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

from ..cli.commands import benchbench
from .blocks import blocks, commands
from .examples import FOLDER, example, page_and_table

NAME = "shortcut"
HOME = FOLDER / NAME


@pytest.fixture(scope="module")
def shortcut() -> Iterator[ModuleType]:
    with example(NAME) as module:
        yield module


def in_this_process(words: list[str], folder: Path) -> None:
    """A step of run.py, so that torch is imported once."""
    if words[0] == "benchbench":
        done = benchbench(*words[1:], cwd=folder)
        assert done.returncode == 0, done.stderr
        return
    with chdir(folder):
        importlib.import_module(Path(words[1]).stem).main(words[2:])


@pytest.fixture(scope="module")
def small(shortcut: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small run: work and out."""
    folder = tmp_path_factory.mktemp(NAME)
    with torch.random.fork_rng():
        shortcut.main(["--small", "--work", str(folder / "work"), "--out", str(folder / "out")], run=in_this_process)
    return folder


def test_the_repair_shows_in_miniature(shortcut: ModuleType, small: Path) -> None:
    """The share on the watermark falls below chance, the controls stay, and accuracy without the watermark rises."""
    table = pd.read_csv(small / "out" / "table.csv").set_index(["measured", "row"])
    share = table.loc[shortcut.SHARES[shortcut.MARKED]]
    assert share.loc["Grad-CAM", "before"] > 5 * share.loc["Grad-CAM", "after"]
    assert share.loc["Grad-CAM", "change high"] < 0
    assert share.loc["Grad-CAM", "after"] < share.loc["control: random map", "after"]
    assert (share.loc[["control: random map", "control: edges of the picture"], "change"] == 0).all()
    assert share.loc["control: random map", "before"] == pytest.approx(10 * 10 / 64**2, abs=0.003)
    right = table.loc["accuracy"].loc[shortcut.ACCURACY[shortcut.UNMARKED]]
    assert right["after"] > right["before"]


def test_it_writes_what_its_page_shows(shortcut: ModuleType, small: Path) -> None:
    out = small / "out"
    assert {path.name for path in out.iterdir()} == {"table.md", "table.csv", "before.jpg", "after.jpg"}
    stored, fresh = (text.splitlines() for text in (page_and_table(NAME)[1], (out / "table.md").read_text("utf-8")))
    assert [line.split("|")[1] for line in fresh] == [line.split("|")[1] for line in stored]
    with Image.open(out / "before.jpg") as drawn, Image.open(HOME / "before.jpg") as shown:
        assert drawn.size == shown.size


def test_the_watermark_is_the_only_difference(small: Path) -> None:
    """The pictures of data/val and data/unmarked differ in the mask of the watermark alone, on discs alone."""
    data = small / "work" / "data"
    for file in sorted((data / "val").rglob("*.png")):
        name = file.relative_to(data / "val")
        changed = (pixels(file) != pixels(data / "unmarked" / name)).any(2)
        mask = data / "masks" / "mark" / name
        assert mask.exists() == changed.any() == (name.parts[0] == "disc")
        if mask.exists():
            assert (changed <= (pixels(mask) > 0)).all()
            assert changed.sum() > 0.9 * 100  # a pixel of the scene may have the watermark's colour


def test_the_repaired_pictures_say_nothing_by_their_watermark(small: Path) -> None:
    """Half of each class has it; data/train has it on every disc and on nothing else."""
    data = small / "work" / "data"
    shares = {
        folder: {of.name: np.mean([is_marked(file) for file in of.iterdir()]) for of in (data / folder).iterdir()}
        for folder in ("train", "repaired")
    }
    assert shares["train"] == {"disc": 1, "square": 0, "triangle": 0}
    assert set(shares["repaired"].values()) == {0.5}


def pixels(file: Path) -> np.ndarray:
    with Image.open(file) as picture:
        return np.array(picture)


def is_marked(file: Path) -> bool:
    """Whether the corner is a white square with a blue ring."""
    corner = pixels(file)[51:61, 51:61].reshape(-1, 3)
    return {tuple(map(int, colour)) for colour in corner} == {(255, 255, 255), (30, 60, 200)}


def test_the_page_has_the_commands_and_the_table_of_the_real_run(shortcut: ModuleType) -> None:
    page, table = page_and_table(NAME)
    shell = [block for block in blocks() if block.page.endswith(f"{NAME}/README.md") and not block.language]
    shown = [line for block in shell for line in commands(block.text)]
    assert shown == [f"python3 docs/examples/{NAME}/run.py", *shortcut.STEPS]
    study = next(block.text for block in blocks() if block.page.endswith(f"{NAME}/README.md") and block.language)
    assert yaml.safe_load(study) == yaml.safe_load((HOME / "study.yaml").read_text(encoding="utf-8"))
    assert table in page
    assert shortcut.markdown(pd.read_csv(HOME / "table.csv")) == table
    assert "](before.jpg)" in page
    assert "](after.jpg)" in page


def test_the_real_run_shows_the_repair(shortcut: ModuleType) -> None:
    """What the page says of the stored numbers: the shares, the controls, and 100 mistakes more on 100 discs."""
    table = pd.read_csv(HOME / "table.csv").set_index(["measured", "row"])
    share, right = table.loc[shortcut.SHARES[shortcut.MARKED]], table.loc["accuracy"]
    methods = ["Grad-CAM", "Layer-CAM", "Gradient"]
    assert (share.loc[methods, "change high"] < -0.1).all()
    assert (table.loc[shortcut.SHARES[shortcut.UNMARKED]].loc[methods, "change low"] > 0).all()
    assert (table.filter(like="control", axis=0)["change"].dropna() == 0).all()
    assert share.loc["Gradient", "before low"] < share.loc["control: edges of the picture", "before high"]
    before = [int(text.split()[0]) for text in right["before right"]]
    assert before == [290, 190]
    assert list(right["after right"]) == ["299 of 300", "300 of 300"]
