"""A toy encoder-decoder with attention: captions and answers; and the wrappers that benchbench takes."""

from __future__ import annotations

import numpy as np
import torch
from scenes import LENGTH, WORDS, Picture, ids, image
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, BATCH = 64, 32


class Reader(nn.Module):
    """``encoder`` gives cells (B, 32, 10, 10); a recurrent decoder attends to them, and so does a question."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *(nn.Conv2d(3, 16, 4, 2, 1), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.Conv2d(16, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU()),
            *(nn.Conv2d(32, 32, 3, 1, 1), nn.BatchNorm2d(32), nn.ReLU()),
        )
        down, right = torch.meshgrid(torch.linspace(-1, 1, 10), torch.linspace(-1, 1, 10), indexing="ij")
        self.register_buffer("places", 2 * torch.stack([down.flatten(), right.flatten()], 1))
        self.keys = nn.Linear(34, WIDTH)
        self.values = nn.Linear(34, WIDTH)
        self.words = nn.Embedding(len(WORDS), WIDTH)
        self.step = nn.GRUCell(2 * WIDTH, WIDTH)
        self.asked = nn.Linear(WIDTH, WIDTH)
        self.next = nn.Linear(2 * WIDTH, len(WORDS))
        self.answer = nn.Sequential(nn.Linear(2 * WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, len(WORDS)))

    def cells(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (B, 100, WIDTH) of the picture's cells."""
        features = self.encoder(images).flatten(2).transpose(1, 2)
        placed = torch.cat([features, self.places.expand(len(images), -1, -1)], 2)
        return self.keys(placed), self.values(placed)

    def caption(self, images: Tensor, words: Tensor) -> Tensor:
        """(B, T, vocabulary): logits of each next word, given the words (B, T) so far; the first is ``<start>``."""
        keys, values = self.cells(images)
        state, logits = keys.new_zeros(len(images), WIDTH), []
        for t in range(words.shape[1]):
            word = self.words(words[:, t])
            seen = _attend(state + word, keys, values)
            state = self.step(torch.cat([word, seen], 1), state)
            logits.append(self.next(torch.cat([state, _attend(self.asked(state), keys, values)], 1)))
        return torch.stack(logits, 1)

    def reply(self, images: Tensor, question: Tensor) -> Tensor:
        """(B, vocabulary): logits of the answer to questions (B, 5)."""
        keys, values = self.cells(images)
        asked = self.words(question).mean(1)
        return self.answer(torch.cat([asked, _attend(5 * asked, keys, values)], 1))


def _attend(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    weights = torch.einsum("bw,bcw->bc", query, keys).div(WIDTH**0.5).softmax(1)
    return torch.einsum("bc,bcw->bw", weights, values)


class NextWord(nn.Module):
    """A classifier of images: the logits of the next word, given the words so far."""

    def __init__(self, reader: Reader, before: list[str]) -> None:
        super().__init__()
        self.reader = reader
        self.register_buffer("before", torch.tensor([ids(["<start>", *before])]))

    def forward(self, images: Tensor) -> Tensor:
        return self.reader.caption(images, self.before.expand(len(images), -1))[:, -1]


class Asked(nn.Module):
    """A classifier of images: the logits of the answer to a question."""

    def __init__(self, reader: Reader, question: list[str]) -> None:
        super().__init__()
        self.reader = reader
        self.register_buffer("question", torch.tensor([ids(question)]))

    def forward(self, images: Tensor) -> Tensor:
        return self.reader.reply(images, self.question.expand(len(images), -1))


def train(pictures: list[Picture], epochs: int) -> Reader:
    """A reader that learnt captions and questions together, by cross-entropy of words and answers."""
    torch.manual_seed(0)
    generator = np.random.default_rng(0)
    images = torch.stack([image(picture) for picture in pictures])
    captions = torch.tensor([ids(["<start>", *picture.caption]) for picture in pictures])
    reader = Reader()
    steps = epochs * -(-len(pictures) // BATCH)
    optimiser = torch.optim.AdamW(reader.parameters(), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=8e-3, total_steps=steps)
    for _ in range(epochs):
        for batch in torch.randperm(len(pictures)).split(BATCH):
            asked = [
                pictures[i].question(int(generator.integers(2)), str(generator.choice(["colour", "shape"])))
                for i in batch.tolist()
            ]
            questions, answers = (
                torch.tensor(each) for each in ([ids(q) for q, _ in asked], ids([a for _, a in asked]))
            )
            logits = reader.caption(images[batch], captions[batch, :LENGTH])
            loss = F.cross_entropy(logits.flatten(0, 1), captions[batch, 1:].flatten())
            loss = loss + F.cross_entropy(reader.reply(images[batch], questions), answers)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    return reader.eval()
