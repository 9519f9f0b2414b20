"""What is explained: classes by rule, differences, and six tasks that are no classification."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.models.load import fingerprint
from benchbench.network.custom_score import scored

from ..helpers import map_of
from ..networks import Pooled, seeded


class Segmenter(nn.Module):
    """Class scores per pixel, in a mapping, as torchvision's segmentation networks return them."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 8, 3, 1, 1), nn.ReLU())
        self.classifier = nn.Conv2d(8, 4, 1)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"out": nn.functional.interpolate(self.classifier(self.features(images)), images.shape[2:])}


class Encoder(nn.Module):
    """An embedding (B, 5)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU())
        self.project = nn.Linear(8, 5)

    def forward(self, images: Tensor) -> Tensor:
        embedding: Tensor = self.project(self.features(images).mean((2, 3)))
        return embedding


class Captioner(nn.Module):
    """Vocabulary logits (B, 3, 11) for a fixed prompt; with a question it is a network that answers it."""

    def __init__(self, question: int = 0) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU())
        self.words = nn.Embedding(5, 8)
        self.head = nn.Linear(8, 11)
        self.register_buffer("prompt", torch.tensor([question, 1, 2]))

    def forward(self, images: Tensor) -> Tensor:
        seen = self.features(images).mean((2, 3))
        logits: Tensor = self.head(torch.tanh(seen[:, None] * self.words(self.prompt)))
        return logits


def pixels(output: dict[str, Tensor]) -> Tensor:
    """The mean score of class 2 among the pixels of the upper left quarter."""
    height, width = output["out"].shape[2:]
    return output["out"][:, 2, : height // 2, : width // 2].mean((1, 2))


def second_label(logits: Tensor) -> Tensor:
    return logits[:, 1]


def similarity(embedding: Tensor) -> Tensor:
    return torch.cosine_similarity(embedding, torch.linspace(-1, 1, 5)[None])


def third_token(logits: Tensor) -> Tensor:
    return logits.log_softmax(-1)[:, 2, 7]


def answer(logits: Tensor) -> Tensor:
    return logits.log_softmax(-1)[:, 0, 3]


def value_of_action(values: Tensor) -> Tensor:
    return values[:, 4]


TASKS: dict[str, tuple[Callable[[], nn.Module], str, Callable[[Any], Tensor]]] = {
    "segmentation": (Segmenter, "features", pixels),
    "multi-label": (Pooled, "relu", second_label),
    "embedding": (Encoder, "features", similarity),
    "captioning": (Captioner, "features", third_token),
    "question answering": (lambda: Captioner(question=3), "features", answer),
    "reinforcement learning": (Pooled, "relu", value_of_action),
}


@pytest.mark.parametrize("task", TASKS)
def test_six_tasks(task: str, images: Tensor, tmp_path: Path) -> None:
    """Grad-CAM of the score against autograd by hand, and a study with metrics of its probability, sigmoid(score)."""
    build, layer, score = TASKS[task]
    network = seeded(build)
    kept: list[Tensor] = []
    handle = network.get_submodule(layer).register_forward_hook(lambda _m, _i, o: kept.append(o))
    total = score(network(images)).sum()
    handle.remove()
    (gradient,) = torch.autograd.grad(total, kept)
    expected = torch.relu((gradient.mean((2, 3), keepdim=True) * kept[0]).sum(1))
    explained = scored(network, score)
    maps = map_of("gradcam", explained, images, layer, torch.zeros(len(images), dtype=torch.long))
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-6 * float(expected.detach().max()) + 1e-9)

    run = bb.Study(
        models={"net": explained},
        datasets={"d": images},
        layers=[layer],
        methods=["gradcam", "scorecam", "ablationcam", "occlusion"],
        metrics=["deletion", "average_drop"],
    ).run(tmp_path, report=False)
    assert (run.table["status"] == "ok").all(), run.table["reason"].unique()
    first = run.curves[(run.curves["method"] == "gradcam") & (run.curves["metric"] == "deletion")]
    start = first[first["x"] == 0].sort_values("sample")["y"].to_numpy()
    torch.testing.assert_close(
        torch.from_numpy(start.copy()).float(), torch.sigmoid(score(network(images))).detach(), rtol=1e-4, atol=1e-5
    )


def test_the_difference_of_two_classes(images: Tensor, tmp_path: Path) -> None:
    network = seeded(Pooled)
    keys: dict[str, Any] = {"datasets": {"d": images}, "layers": ["relu"], "methods": ["hirescam"]}
    run = bb.Study(models={"net": network}, target="2-5", metrics=["average_drop"], **keys).run(tmp_path, report=False)
    rows = run.record.maps.sort_values("sample")
    maps = torch.stack([torch.from_numpy(run.record.map(r["file"], int(r["row"])).copy()) for _, r in rows.iterrows()])
    first, second = (map_of("hirescam", network, images, "relu", torch.full((6,), c), rectified=False) for c in (2, 5))
    torch.testing.assert_close(maps, torch.relu(first - second), rtol=1e-4, atol=1e-6)
    assert set(run.record.photos["target_name"]) == {"2 rather than 5"}


def test_the_second_most_likely_class(images: Tensor, tmp_path: Path) -> None:
    network = seeded(Pooled)
    run = bb.Study(
        models={"net": network}, datasets={"d": images}, layers=["relu"], methods=["gradcam"], target="top-2",
        metrics=["average_drop"],
    ).run(tmp_path, report=False)  # fmt: skip
    expected = network(images).topk(2).indices[:, 1].tolist()
    assert run.table.sort_values("sample")["target"].tolist() == expected


@pytest.mark.parametrize(
    ("target", "message"),
    [("top-8", "has 7 classes"), ("2-9", "class 9 is not one"), ("top-0", "target"), ("2-", "target"), (-1, "target")],
)
def test_targets_that_are_none(target: Any, message: str, images: Tensor, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=message):
        bb.Study(
            models={"net": seeded(Pooled)}, datasets={"d": images}, layers=["relu"], methods=["gradcam"],
            metrics=["average_drop"], target=target,
        ).run(tmp_path, report=False)  # fmt: skip


def test_a_scored_network_has_one_target(images: Tensor, tmp_path: Path) -> None:
    network = scored(seeded(Encoder), similarity)
    with pytest.raises(BenchError, match="its score is the target"):
        bb.Study(
            models={"net": network}, datasets={"d": images}, methods=["gradcam"], metrics=["deletion"], target=1
        ).run(tmp_path, report=False)


def test_the_network_itself_stays_as_it_was(images: Tensor) -> None:
    network = seeded(Encoder)
    before = network(images)
    explained = scored(network, similarity)
    assert torch.equal(network(images), before)
    assert explained(images).shape == (6, 2)
    assert explained.project is network.project


def test_scores_that_differ_are_networks_that_differ() -> None:
    network = seeded(Pooled)

    def of(k: int) -> Callable[[Tensor], Tensor]:
        return lambda logits: logits[:, k]

    def towards(reference: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda logits: logits @ reference

    scores = [of(0), of(1), towards(torch.ones(7)), towards(torch.zeros(7))]
    assert len({fingerprint(scored(network, score)) for score in scores}) == 4


@pytest.mark.parametrize("output", [lambda z: z[:, :, None], lambda z: z.mean(), lambda z: z[:, :1], lambda z: "no"])
def test_scores_that_are_none(output: Callable[[Tensor], Any], images: Tensor) -> None:
    with pytest.raises(BenchError, match="one number per image"):
        scored(seeded(Pooled), output)(images)
    with pytest.raises(BenchError, match="Give a function"):
        scored(seeded(Pooled), 3)  # type: ignore[arg-type]


def test_explain_a_score(images: Tensor) -> None:
    network = scored(seeded(Encoder), similarity)
    maps = bb.explain(network, images, layer="features", method="gradcam")
    raw = map_of("gradcam", network, images, "features", torch.zeros(6, dtype=torch.long))
    large = nn.functional.interpolate(raw[:, None], 64, mode="bilinear")[:, 0]
    low, high = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
    torch.testing.assert_close(maps[:, 0], (large - low) / (high - low), rtol=1e-4, atol=1e-5)


def test_every_class_of_a_list(images: Tensor, tmp_path: Path) -> None:
    """Each is a block of its own, with the numbers of a study of it alone; costs are measured once."""
    keys: dict[str, Any] = {"models": {"net": seeded(Pooled)}, "datasets": {"d": images}, "layers": ["relu"]}
    keys |= {"methods": ["gradcam", "random"], "metrics": ["deletion", "passes"]}
    run = bb.Study(target=[2, 5, "top-2"], **keys).run(tmp_path / "all", report=True)
    assert run.table["dataset"].unique().tolist() == ["d, target 2", "d, target 5", "d, target top-2"]
    for target in (2, 5, "top-2"):
        alone = bb.Study(target=target, **keys).run(tmp_path / str(target), report=False).table
        block = run.table[run.table["dataset"] == f"d, target {target}"]
        for table in (alone, block):
            assert (table["status"] == "ok").all()
        key = ["sample", "method", "metric"]
        alone_values = alone[alone["metric"] == "deletion"].sort_values(key)["value"].to_numpy()
        block_values = block[block["metric"] == "deletion"].sort_values(key)["value"].to_numpy()
        torch.testing.assert_close(
            torch.from_numpy(alone_values.copy()), torch.from_numpy(block_values.copy()), rtol=1e-5, atol=1e-7
        )
    page = (tmp_path / "all" / "report.html").read_text()
    assert "d, target 5" in page


@pytest.mark.parametrize(
    ("target", "message"), [([2, 9], "class 9 is not"), ([2, "3-4"], "must be the only target"), ([], "target")]
)
def test_lists_that_are_none(target: Any, message: str, images: Tensor, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=message):
        bb.Study(
            models={"net": seeded(Pooled)}, datasets={"d": images}, layers=["relu"], methods=["gradcam"],
            metrics=["average_drop"], target=target,
        ).run(tmp_path, report=False)  # fmt: skip
