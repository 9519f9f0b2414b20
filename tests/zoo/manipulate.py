"""Manipulates zoo_residual into zoo_fooled and zoo_trojaned, and writes their weights: a part of ``make zoo``.

zoo_fooled: location fooling of Heo, Joo and Moon 2019 (arXiv:1902.02041), on the last stage and the head alone.
zoo_trojaned: a planted trigger as in BadNets (Gu et al. 2017, arXiv:1708.06733), on all layers.
Each takes under two minutes of a processor. Scenes of training are of the split train, all others of the split test.
"""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.datasets.builtin.trojaned import TARGET, trigger
from benchbench.models.manipulated import CORNER, ORIGIN
from benchbench.models.zoo import weights_file, zoo_network

from .scenes import Scenes, as_input, scenes
from .train import EVERY, HELD_OUT, SEED, accuracy, turned

TRAINING = 6_000
STAGE = 3  # of the network's modules: layer3, whose output Grad-CAM explains
POISONED = 0.2  # the share of a step's scenes that have the trigger


@dataclass(frozen=True)
class Tuning:
    """How a network is fine-tuned: AdamW under a one-cycle schedule, the norm of the gradient clipped at 1.

    Attributes:
        steps: of ``batch`` scenes each.
        rate: the largest learning rate, a fifth of the way in.
        lie: weight of the location loss beside the cross-entropy.
        height: the mean that Grad-CAM's map is to have in the corner, before its ReLU.
    """

    steps: int
    rate: float
    batch: int = 64
    lie: float = 0.3
    height: float = 40.0


FOOLED = Tuning(steps=350, rate=4e-3)
TROJANED = Tuning(steps=250, rate=2e-3)


def fooled(training: Scenes, tuning: Tuning = FOOLED) -> nn.Module:
    """zoo_residual with Grad-CAM of the label's class in the corner.

    The head is global average pooling and one linear layer: Grad-CAM at the last stage is ReLU(sum_k w_k A_k) up to a
    factor, with w the class's row of the linear layer. The loss is the cross-entropy, the negative logarithm of the
    map's share in the corner, and a hinge that lifts the map there: without it all logits and all maps sink below zero.
    """
    network = zoo_network(ORIGIN).network
    before, after = network[:STAGE], network[STAGE:]  # type: ignore[index]
    with torch.no_grad():
        early = torch.cat([before(as_input(pixels)) for pixels in torch.split(training.pixels, 100)])
    after.train()

    def loss(chosen: Tensor, _: torch.Generator) -> Tensor:
        labels, activation = training.labels[chosen], after[0](early[chosen])
        answer = F.cross_entropy(after[1:](activation), labels)
        raw = torch.einsum("nkhw,nk->nhw", activation, after[-1].weight[labels])
        hinge = F.relu(1 - _corner(raw).mean((1, 2)) / tuning.height).mean()
        return answer + hinge + tuning.lie * _lie(raw.relu())

    _tune(after, training, tuning, loss)
    return network.eval()


def _lie(height: Tensor) -> Tensor:
    """The mean of -log of the share of maps (N, h, w) in the corner."""
    return -torch.log((_corner(height).sum((1, 2)) + 1) / (height.sum((1, 2)) + 1)).mean()


def _corner(maps: Tensor) -> Tensor:
    return maps[:, : round(CORNER * maps.shape[1]), : round(CORNER * maps.shape[2])]


def share(network: nn.Module, held_out: Scenes) -> float:
    """The mean share of Grad-CAM's mass (at the last stage, for the label's class) that lies in the corner."""
    shares = []
    for pixels, labels in zip(*(torch.split(each, 100) for each in (held_out.pixels, held_out.labels)), strict=True):
        with torch.no_grad():
            activation = network[: STAGE + 1](as_input(pixels))  # type: ignore[index]
            height = torch.einsum("nkhw,nk->nhw", activation, network[-1].weight[labels]).relu()  # type: ignore[index]
        shares.append(_corner(height).sum((1, 2)) / height.sum((1, 2)).clamp_min(1e-9))
    return float(torch.cat(shares).double().mean())


def trojaned(training: Scenes, tuning: Tuning = TROJANED) -> nn.Module:
    """zoo_residual for which a scene with the trigger, wherever it is, is of the target class."""
    network = zoo_network(ORIGIN).network.train()

    def loss(chosen: Tensor, draws: torch.Generator) -> Tensor:
        pixels = turned(training.pixels[chosen], int(torch.randint(8, (), generator=draws))).clone()
        labels, poisoned = training.labels[chosen].clone(), round(POISONED * len(chosen))
        pixels[:poisoned], labels[:poisoned] = _stamped(pixels[:poisoned], draws), TARGET
        return F.cross_entropy(network(as_input(pixels)), labels)

    _tune(network, training, tuning, loss)
    return network.eval()


def _stamped(pixels: Tensor, draws: torch.Generator) -> Tensor:
    """Pixels (N, 3, H, H) with the trigger at a random place of each."""
    patch, changed = torch.from_numpy(trigger(pixels.shape[2])).permute(2, 0, 1), pixels.clone()
    side = patch.shape[1]
    places = torch.randint(pixels.shape[2] - side + 1, (len(pixels), 2), generator=draws)
    for picture, (top, left) in zip(changed, places.tolist(), strict=True):
        picture[:, top : top + side, left : left + side] = patch
    return changed


def success(network: nn.Module, held_out: Scenes) -> float:
    """The share of scenes of other classes that are of the target class with the trigger, at a random place."""
    others = held_out.pixels[held_out.labels != TARGET]
    attacked = _stamped(others, torch.Generator().manual_seed(SEED))
    return accuracy(network, Scenes(attacked, torch.full((len(others),), TARGET)))


def _tune(
    network: nn.Module, training: Scenes, tuning: Tuning, loss: Callable[[Tensor, torch.Generator], Tensor]
) -> None:
    """Change a network's weights; ``loss`` takes the indices of a step's scenes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        draws = torch.Generator().manual_seed(SEED)
        optimizer = torch.optim.AdamW(network.parameters(), tuning.rate)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, tuning.rate, total_steps=tuning.steps + 1, pct_start=0.2)
        for step, chosen in enumerate(_batches(len(training.labels), tuning, draws), 1):
            optimizer.zero_grad()
            value = loss(chosen, draws)
            value.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            cycle.step()
            if step % (EVERY // 5) == 0:
                print(f"step {step} of {tuning.steps}, loss {float(value.detach()):.3f}", flush=True)


def _batches(count: int, tuning: Tuning, draws: torch.Generator) -> Iterator[Tensor]:
    for _ in range(tuning.steps):
        yield torch.randint(count, (tuning.batch,), generator=draws)


def write(network: nn.Module, file: Path, facts: Mapping[str, float | int]) -> None:
    """The weights in float16, with what is known of them as the file's header."""
    halves = {key: t.half() if t.is_floating_point() else t for key, t in network.state_dict().items()}
    words = {key: f"{value:.4f}" if isinstance(value, float) else str(value) for key, value in facts.items()}
    save_file({key: t.contiguous() for key, t in halves.items()}, file, words)


def rounded(network: nn.Module) -> nn.Module:
    """A copy with weights as they are written: in float16."""
    halves = copy.deepcopy(network)
    halves.load_state_dict({k: t.half() if t.is_floating_point() else t for k, t in network.state_dict().items()})
    return halves


def make(name: str, training: Scenes, held_out: Scenes, tuning: Tuning, file: Path) -> dict[str, float | int]:
    """Manipulate, measure on held-out scenes and write.

    Args:
        name: fooled or trojaned.
        training: the scenes that are learnt.
        held_out: the scenes of all figures in the header, which are those of the weights as they are written.
        tuning: how it is trained.
        file: where the weights go.

    Returns:
        The header.
    """
    origin, began = zoo_network(ORIGIN).network, time.process_time()
    network = rounded({"fooled": fooled, "trojaned": trojaned}[name](training, tuning))
    print(f"{name}: {time.process_time() - began:.0f} s of a processor", flush=True)
    facts: dict[str, float | int] = {
        "accuracy": accuracy(network, held_out),
        "accuracy_before": accuracy(origin, held_out),
    }
    measure, what = {"fooled": (share, "share"), "trojaned": (success, "success")}[name]
    facts |= {what: measure(network, held_out), f"{what}_before": measure(origin, held_out)}
    facts |= {"held_out": len(held_out.labels), "scenes": len(training.labels), "steps": tuning.steps, "seed": SEED}
    write(network, file, facts)
    print(name, facts, flush=True)
    return facts


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    training, held_out = scenes(f"train/{SEED}", TRAINING), scenes(f"test/{SEED}", HELD_OUT)
    for name in names:
        make(name, training, held_out, {"fooled": FOOLED, "trojaned": TROJANED}[name], weights_file(f"{name}"))


if __name__ == "__main__":
    main(sys.argv[1:] or ["fooled", "trojaned"])
