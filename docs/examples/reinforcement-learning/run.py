"""Why does the agent take this step? Trains a policy on pictures of a grid world and scores maps of its actions.

python3 docs/examples/reinforcement-learning/run.py            # a minute of CPU; writes into this folder
python3 docs/examples/reinforcement-learning/run.py --small --out /tmp/rl    # seconds
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import torch
from gridworld import ACTIONS, COIN, FLOOR, NOTHING, TRAP, best_actions, cell_mask, draw_state, pictures
from torch import Tensor, nn

import benchbench as bb

matplotlib.use("Agg")
from matplotlib import pyplot as plt

METHODS = ["gradcam", "gradcam++", "xgradcam", "hirescam", "layercam", "saliency", "inputxgradient", "occlusion"]
METHODS += ["rise", "cam", "random", "uniform", "center", "sobel", "mean-activation", "oracle"]
METRICS = ["energy_pointing_game", "pointing_game@exact"]
PARAMETERS = {"occlusion": {"window": 8, "stride": 4}}
SHOWN = ["gradcam", "hirescam", "layercam", "saliency", "occlusion", "sobel"]
DECIDES = 0.2  # an object decides if the action loses this much probability without it


@dataclass(frozen=True)
class Size:
    """How much is drawn: training states, epochs, explained states, masks of RISE."""

    training: int
    epochs: int
    explained: int
    rise: int


FULL, SMALL = Size(6000, 8, 200, 400), Size(1200, 3, 8, 20)


class Policy(nn.Module):
    """A convolutional policy: pictures (B, 3, 56, 56) to the logits of four actions."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 16, 4, 2, 1), nn.ReLU()),
            *(nn.Conv2d(16, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU()),
            *(nn.Conv2d(32, 32, 3, 1, 1), nn.BatchNorm2d(32), nn.ReLU()),
        )
        self.head = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 49, 96), nn.ReLU(), nn.Linear(96, 4))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))


def training_states(size: Size, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Pictures, and the teacher's probabilities (N, 4). One or two coins, one to five traps."""
    grids = [
        draw_state(generator, int(generator.integers(1, 3)), int(generator.integers(1, 6)))
        for _ in range(size.training)
    ]
    return pictures(grids), torch.tensor(np.array([best_actions(grid) for grid in grids])).float()


def imitate(images: Tensor, teacher: Tensor, size: Size) -> Policy:
    """The policy that imitates the teacher: cross-entropy with the teacher's probabilities."""
    torch.manual_seed(0)
    policy = Policy()
    steps = size.epochs * -(-len(images) // 64)
    optimiser = torch.optim.AdamW(policy.parameters(), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps)
    for _ in range(size.epochs):
        for batch in torch.randperm(len(images)).split(64):
            loss = nn.functional.cross_entropy(policy(images[batch]), teacher[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return policy.eval()


@torch.no_grad()
def effects(policy: Policy, grid: np.ndarray) -> tuple[int, float, dict[tuple[int, int], float]]:
    """The policy's action and its probability; and by cell of an object, how much of it is lost without the object."""
    cells = [(int(y), int(x)) for y, x in np.argwhere((grid == COIN) | (grid == TRAP))]
    changed = [grid.copy() for _ in cells]
    for other, cell in zip(changed, cells, strict=True):
        other[cell] = NOTHING
    probabilities = policy(pictures([grid, *changed])).softmax(1)
    action = int(probabilities[0].argmax())
    whole, *without = probabilities[:, action].tolist()
    return action, whole, {cell: whole - rest for cell, rest in zip(cells, without, strict=True)}


@dataclass(frozen=True)
class State:
    """A state that is explained: its grid, the policy's action, and the cells of the objects that decide."""

    grid: np.ndarray
    action: int
    deciding: list[tuple[int, int]]


def explained_states(policy: Policy, size: Size, generator: np.random.Generator) -> tuple[list[State], int]:
    """New states with two coins and four traps, in which an object decides; and how many states were drawn."""
    states: list[State] = []
    drawn = 0
    while len(states) < size.explained and drawn < 50 * size.explained:
        drawn += 1
        grid = draw_state(generator, 2, 4)
        action, _, lost = effects(policy, grid)
        deciding = [cell for cell, loss in lost.items() if loss >= DECIDES]
        if deciding:
            states.append(State(grid, action, deciding))
    return states, drawn


def study(policy: Policy, states: list[State], size: Size, folder: Path) -> bb.Run:
    """All methods on the policy as a classifier of actions; the mask is on the deciding objects."""
    images = pictures([state.grid for state in states])
    actions = torch.tensor([state.action for state in states])
    masks = torch.stack([cell_mask(state.deciding) for state in states])
    parameters = {**PARAMETERS, "rise": {"masks": size.rise}}
    return bb.Study(
        models={
            "policy": bb.ModelSpec("policy", policy, bb.Preprocess(56, 56, FLOOR, (1, 1, 1)), classes=tuple(ACTIONS))
        },
        datasets={"states": (images, actions, masks)},
        layers=["features"],
        methods=[{"name": name, **parameters.get(name, {})} for name in METHODS],
        metrics=METRICS,
        samples=len(states),
    ).run(folder, progress=False, report=False)


def facts(policy: Policy, states: list[State], drawn: int, generator: np.random.Generator) -> str:
    """What was trained and what decides, in one paragraph."""
    fresh = [draw_state(generator, 2, 4) for _ in range(500)]
    with torch.no_grad():
        chosen = policy(pictures(fresh)).argmax(1).tolist()
    right = np.mean([best_actions(grid)[action] > 0 for grid, action in zip(fresh, chosen, strict=True)])
    kinds = [{int(state.grid[cell]) for cell in state.deciding} for state in states]
    counts = [sum(kind == wanted for kind in kinds) for wanted in ({COIN}, {TRAP}, {COIN, TRAP})]
    share = np.mean([len(state.deciding) / 49 for state in states])
    return (
        f"The policy's action is a first step of a shortest path in {right:.1%} of 500 new states. In {len(states)} of "
        f"{drawn} states an object decides: only coins in {counts[0]}, only traps in {counts[1]}, both in {counts[2]}. "
        f"The deciding objects cover {share:.1%} of the picture."
    )


def figure(run: bb.Run, policy: Policy, states: list[State], path: Path) -> None:
    """Three states: the picture with the deciding objects framed, and a map per method."""
    coin, trap = ([s for s in states if {int(s.grid[c]) for c in s.deciding} == {kind}] for kind in (COIN, TRAP))
    rows = [*coin[:2], *trap[:1], *states][:3]
    axes = plt.figure(figsize=(1.6 * (1 + len(SHOWN)), 5.2)).subplots(len(rows), 1 + len(SHOWN), squeeze=False)
    for row, (line, state) in enumerate(zip(axes, rows, strict=True)):
        image = pictures([state.grid])
        shown = (image[0] + torch.tensor(FLOOR)[:, None, None]).permute(1, 2, 0).numpy()
        edges = cell_mask(state.deciding).numpy()
        for axis, name in zip(line, ["", *SHOWN], strict=True):
            axis.set_axis_off()
            axis.imshow(shown)
            if name:
                seen = bb.explain(
                    policy, image, method=name, layer="features", target=state.action, **PARAMETERS.get(name, {})
                )
                axis.imshow(seen[0, 0].numpy(), cmap="magma", alpha=0.75)
            axis.contour(edges, levels=[0.5], colors="lime", linewidths=1)
            if row == 0:
                axis.set_title(name or "picture", fontsize=9)
        line[0].text(28, 62, f"action: {list(ACTIONS)[state.action]}", ha="center", fontsize=9)
    plt.savefig(path, dpi=80, bbox_inches="tight")
    plt.close()


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a few states: for a test")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where the table and the figure go")
    given = parser.parse_args(words)
    size = SMALL if given.small else FULL
    given.out.mkdir(parents=True, exist_ok=True)
    policy = imitate(*training_states(size, np.random.default_rng(0)), size)
    states, drawn = explained_states(policy, size, np.random.default_rng(1))
    with tempfile.TemporaryDirectory() as folder:
        run = study(policy, states, size, Path(folder) / "run")
        run.leaderboard().to_csv(given.out / "table.csv", index=False)
        table = run.to_markdown()
    text = f"{facts(policy, states, drawn, np.random.default_rng(2))}\n\n{table}"
    (given.out / "table.md").write_text(text, encoding="utf-8")
    figure(run, policy, states, given.out / "maps.png")
    print(text)


if __name__ == "__main__":
    main()
