"""Trains the network on a folder of pictures with a sub-folder for each class: plain torch, nothing of benchbench.

python3 train.py data/train before.pt
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from net import network
from torch import nn
from torch.nn import functional as F
from torchvision import transforms
from torchvision.datasets import ImageFolder

RATE = 5e-3  # of learning, at its highest


def pictures(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """float (N, 3, 64, 64) in [-1, 1], and the labels: the folder is small, so it is read once."""
    prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)])
    items = list(ImageFolder(str(folder), prepare))
    return torch.stack([image for image, _ in items]), torch.tensor([label for _, label in items])


def trained(images: torch.Tensor, labels: torch.Tensor, epochs: int, size: int) -> nn.Module:
    """AdamW and one cycle, in batches of a size."""
    torch.manual_seed(0)
    net, batches = network(), len(labels) // size
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=0.05)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=epochs * batches + 1)
    for _ in range(epochs):
        for chosen in torch.randperm(len(labels)).split(size)[:batches]:
            loss = F.cross_entropy(net(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            cycle.step()
    return net.eval()


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the training pictures")
    parser.add_argument("checkpoint", type=Path, help="the file to write")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args(words)
    images, labels = pictures(options.folder)
    torch.save(trained(images, labels, options.epochs, options.batch).state_dict(), options.checkpoint)


if __name__ == "__main__":
    main()
