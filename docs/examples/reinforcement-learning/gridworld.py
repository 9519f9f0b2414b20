"""A tiny grid world: the agent stands in the middle of its view and walks to the nearest coin around the traps.

A state is a grid of 7 x 7 cells: 0 nothing, 1 the agent (always in the middle), 2 a coin, 3 a trap.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

CELLS, PIXELS = 7, 8  # cells along a side of the view, pixels along a side of a cell
NOTHING, AGENT, COIN, TRAP = range(4)
ACTIONS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
MIDDLE = (CELLS // 2, CELLS // 2)
FLOOR = (228 / 255, 228 / 255, 222 / 255)


def draw_state(generator: np.random.Generator, coins: int, traps: int) -> np.ndarray:
    """A state (7, 7). Traps are three times as likely in the eight cells around the agent; coins are never there."""
    grid = np.zeros((CELLS, CELLS), dtype=np.int64)
    grid[MIDDLE] = AGENT
    places = np.argwhere(grid == NOTHING)
    near = np.abs(places - MIDDLE).max(1) == 1
    weights = np.where(near, 3.0, 1.0)
    for kind, count in ((TRAP, traps), (COIN, coins)):
        free = np.array([grid[tuple(place)] == NOTHING for place in places])
        chance = weights * free if kind == TRAP else free * ~near
        chosen = generator.choice(len(places), count, replace=False, p=chance / chance.sum())
        for place in places[chosen]:
            grid[tuple(place)] = kind
    return grid


def best_actions(grid: np.ndarray) -> np.ndarray:
    """(4,): the teacher. It spreads its probability over the first steps of all shortest paths to a nearest coin.

    A path goes through no trap. If no coin can be reached, every action has the same probability.
    """
    steps = _steps_to_a_coin(grid)
    ahead = [steps.get((MIDDLE[0] + y, MIDDLE[1] + x), np.inf) for y, x in ACTIONS.values()]
    best = np.array(ahead) == min(ahead)
    return best / best.sum()


def _steps_to_a_coin(grid: np.ndarray) -> dict[tuple[int, int], int]:
    """By cell, the length of the shortest path to a coin: a breadth-first search from all coins at once."""
    steps = {(int(y), int(x)): 0 for y, x in np.argwhere(grid == COIN)}
    queue = deque(steps)
    while queue:
        y, x = queue.popleft()
        for dy, dx in ACTIONS.values():
            cell = (y + dy, x + dx)
            inside = 0 <= cell[0] < CELLS and 0 <= cell[1] < CELLS
            if inside and cell not in steps and grid[cell] != TRAP:
                steps[cell] = steps[y, x] + 1
                queue.append(cell)
    return steps


def pictures(grids: list[np.ndarray] | np.ndarray) -> Tensor:
    """(N, 3, 56, 56): a blue disc is the agent, a yellow disc a coin, a red cross a trap.

    Pixels in [0, 1] less the floor's colour: 0 is the floor, so that a method that sets pixels to 0 removes an object.
    """
    sprites = torch.stack([_sprite(kind) for kind in range(4)])  # (4, 3, 8, 8)
    cells = sprites[torch.as_tensor(np.stack(list(grids)))]  # (N, 7, 7, 3, 8, 8)
    side = CELLS * PIXELS
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(-1, 3, side, side).contiguous()


def cell_mask(cells: list[tuple[int, int]]) -> Tensor:
    """(56, 56) bool: the pixels of these cells."""
    grid = torch.zeros(CELLS, CELLS, dtype=torch.bool)
    for cell in cells:
        grid[cell] = True
    return grid.repeat_interleave(PIXELS, 0).repeat_interleave(PIXELS, 1)


def _sprite(kind: int) -> Tensor:
    picture = Image.new("RGB", (PIXELS, PIXELS), tuple(round(255 * value) for value in FLOOR))
    pencil = ImageDraw.Draw(picture)
    if kind in (AGENT, COIN):
        pencil.ellipse((1, 1, 6, 6), fill=(40, 90, 200) if kind == AGENT else (235, 180, 30))
    if kind == TRAP:
        pencil.line((1, 1, 6, 6), fill=(200, 40, 40), width=2)
        pencil.line((6, 1, 1, 6), fill=(200, 40, 40), width=2)
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255
    return pixels - torch.tensor(FLOOR)[:, None, None]
