"""docs/examples: reinforcement learning, captioning and machine teaching run in miniature, and their pages are true."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch

from .examples import FOLDER, example, page_and_table, pictures

FILES = {"reinforcement-learning": "maps.png", "captioning-and-vqa": "words.png", "machine-teaching": "found.png"}


@pytest.fixture(scope="module")
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """An example's name, and the folder of its small run."""
    name: str = request.param
    folder = tmp_path_factory.mktemp(name)
    with torch.random.fork_rng(), example(name) as module:
        module.main(["--small", "--out", str(folder)])
    return name, folder


@pytest.fixture
def script() -> Iterator[Callable[[str], ModuleType]]:
    """An example's run.py by the example's name, forgotten behind the test."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(example(name))


each_outcome = pytest.mark.parametrize("outcome", FILES, indirect=True)


@each_outcome
def test_it_writes_what_its_page_shows(outcome: tuple[str, Path]) -> None:
    name, folder = outcome
    assert {path.name for path in folder.iterdir()} == {"table.md", "table.csv", FILES[name]}
    heads = [line for line in (folder / "table.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    stored = [line for line in page_and_table(name)[1].splitlines() if line.startswith("| ")]
    assert [line.split("|")[1] for line in heads] == [
        re.sub(r"=\d+\)", "=20)", line.split("|")[1]) if "RISE" in line else line.split("|")[1] for line in stored
    ]
    ORACLES[name](pd.read_csv(folder / "table.csv"))


def check_reinforcement(table: pd.DataFrame) -> None:
    energy = table[table["metric"] == "energy_pointing_game"].set_index("method")["mean"]
    assert energy["oracle"] == 1
    assert energy["uniform"] == 0
    assert energy["random"] < 0.1
    assert math.isnan(energy.get("cam", math.nan)), "the head is no pooled linear layer"


def check_captioning(table: pd.DataFrame) -> None:
    means = table.pivot_table(index="method", columns="kind", values="mean")
    assert (means.loc["oracle", ["content words", "relations", "function words", "shape answers"]] == 1).all()
    assert (means.loc["oracle", ["other object", "shape answers, other object"]] == 0).all()
    assert (means.loc[["random", "center"], "content words"] < 0.25).all()
    assert table["low"].le(table["mean"] + 1e-12).all()
    assert table["high"].ge(table["mean"] - 1e-12).all()


def check_teaching(table: pd.DataFrame) -> None:
    of_objects = table[table["mistakes"] == "object"].set_index("order")
    first = of_objects["found_20"].to_dict()
    assert of_objects["found_10"].to_dict()["all mistakes first (oracle)"] == 6
    assert first["random order (control)"] < first["loss"]
    assert set(table["mistakes"]) == {"object", "texture", "network"}


ORACLES = {
    "reinforcement-learning": check_reinforcement,
    "captioning-and-vqa": check_captioning,
    "machine-teaching": check_teaching,
}


@pytest.mark.parametrize("name", FILES)
def test_its_page_shows_the_table_of_its_run(name: str) -> None:
    page, table = page_and_table(name)
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert rows
    assert [row for row in rows if row not in page] == []
    assert f"({FILES[name]})" in page
    assert f"python3 docs/examples/{name}/run.py" in page
    assert page.splitlines()[0].endswith("?"), "the question stands first"
    assert all(path.stat().st_size < 300_000 for path in pictures(FOLDER / name))
    assert f"]({name}/README.md)" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_teacher_walks_the_shortest_way(script: Callable[[str], ModuleType]) -> None:
    """A coin two steps to the right, behind a trap: up or down; without the trap: right."""
    world = script("reinforcement-learning")
    grid = np.zeros((7, 7), dtype=np.int64)
    grid[3, 3], grid[3, 5], grid[3, 4] = 1, world.COIN, world.TRAP
    assert world.best_actions(grid).tolist() == [0.5, 0.5, 0, 0]
    grid[3, 4] = world.NOTHING
    assert world.best_actions(grid).tolist() == [0, 0, 0, 1]
    grid[grid == world.COIN] = world.NOTHING
    assert world.best_actions(grid).tolist() == [0.25] * 4


def test_masks_of_the_grid_world_lie_on_its_objects(script: Callable[[str], ModuleType]) -> None:
    world = script("reinforcement-learning")
    grid = world.draw_state(np.random.default_rng(0), 2, 4)
    bare = np.where(grid == world.COIN, world.NOTHING, grid)
    cells = [(int(y), int(x)) for y, x in np.argwhere(grid == world.COIN)]
    before, after = world.pictures([grid, bare])
    changed = (before != after).any(0)
    assert changed.any()
    assert not changed[~world.cell_mask(cells)].any()


def test_captions_name_the_upper_object_first_and_masks_are_exact(script: Callable[[str], ModuleType]) -> None:
    scenes = script("captioning-and-vqa")
    for seed in range(5):
        picture = scenes.draw_scene(np.random.default_rng(seed))
        upper, lower, _ = picture.things
        assert upper.y < lower.y
        assert picture.caption[1:4] == [upper.colour, upper.shape, "left" if upper.x < lower.x else "right"]
        changed = (scenes.image(picture) != scenes.image(picture, [0])).any(0)
        assert torch.equal(changed, scenes.mask(picture, 0))
        assert not (scenes.mask(picture, 0) & scenes.mask(picture, 1)).any()


def test_found_counts_mistakes_in_the_order(script: Callable[[str], ModuleType]) -> None:
    teaching = script("machine-teaching")
    wrong = np.array([False, True, False, True])
    assert teaching.found(np.array([0.1, 0.9, 0.2, 0.8]), wrong, 0).tolist() == [0, 1, 2, 2, 2]
    assert teaching.found(np.array([4.0, 3.0, 2.0, 1.0]), wrong, 0).tolist() == [0, 0, 1, 1, 2]
    corner = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    other = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    assert teaching.disagreement(corner, other).tolist() == [0.5]
    assert teaching.disagreement(corner, torch.zeros_like(corner)).tolist() == [0.75], "an empty map counts as uniform"
