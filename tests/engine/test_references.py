"""The images that a study's methods compare an image with: which they are, and what they do not depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import benchbench as bb
from benchbench.engine.subsets import ChosenData
from benchbench.errors import BenchError
from benchbench.study.plan import shards
from benchbench.study.reference_draw import CANDIDATES, REFERENCES, reference_candidates

from ..networks import Pooled, seeded
from .test_growth import model, study

SIZE = (3, 8, 8)


class Linear(nn.Module):
    """Linear in the pixels, with a layer that has a map."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 2, 1), nn.Linear(2 * 64, 3)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.conv(images).flatten(1))
        return logits


@dataclass(frozen=True, eq=False)
class Named:
    """Tensors by name, in any order; an absent one cannot be read."""

    images: Mapping[str, Tensor | None]
    name: str = "named"
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def ids(self) -> Sequence[str]:
        return list(self.images)

    def __getitem__(self, index: int) -> bb.Sample:
        image = self.images[self.ids[index]]
        if image is None:
            raise BenchError("broken")
        return bb.Sample(self.ids[index], image, 0)

    def fingerprint(self, index: int) -> str:
        return str(self.images[self.ids[index]])


def pictures(count: int) -> dict[str, Tensor]:
    return {f"picture {i}": torch.randn(SIZE, generator=torch.Generator().manual_seed(i)) for i in range(count)}


@pytest.fixture(scope="module")
def network() -> Linear:
    return seeded(Linear)


def maps(folder: Path, network: nn.Module, images: Mapping[str, Tensor | None], **keys: Any) -> dict[str, Tensor]:
    """By id, the map of class 1; a study of all images with one point on each way."""
    asked = {"layers": ["conv"], "metrics": ["sparseness"], "target": 1, "batch": 16, "samples": len(images), **keys}
    method = {"name": "expectedgradients", "draws": 1, "sign": "signed"}
    study = bb.Study(models={"net": network}, datasets={"data": Named(images)}, methods=[method], **asked)
    stored = study.run(folder, report=False).maps()
    return {name: torch.from_numpy(each) for name, each in zip(stored.keys["sample"], stored, strict=True)}


def closed_form(network: Linear, image: Tensor, references: Sequence[Tensor]) -> Tensor:
    gap = (image - torch.stack(list(references)).mean(0)).requires_grad_()
    (slope,) = torch.autograd.grad(network(gap[None])[0, 1], gap)
    return (gap * slope).sum(0).detach()


def drawn(images: Mapping[str, Any], seed: int = 0) -> list[str]:
    names = list(images)
    return [names[i] for i in reference_candidates(names, seed)]


def check(network: Linear, maps: Mapping[str, Tensor], images: Mapping[str, Tensor | None], seed: int = 0) -> None:
    """Each map is that of the first 16 readable pictures among the candidates that are not the image."""
    for name, each in maps.items():
        explained, others = images[name], list[Tensor]()
        assert explained is not None
        for image in (images[other] for other in drawn(images, seed)):
            if image is not None and not any(torch.equal(image, known) for known in (explained, *others)):
                others.append(image)
        torch.testing.assert_close(each, closed_form(network, explained, others[:REFERENCES]), atol=1e-4, rtol=1e-3)


def test_few_images_are_all_compared(tmp_path: Path, network: Linear) -> None:
    images = pictures(4)
    stored = maps(tmp_path, network, images)
    for name, each in stored.items():
        others = [image for other, image in images.items() if other != name]
        torch.testing.assert_close(each, closed_form(network, images[name], others), atol=1e-4, rtol=1e-3)


def test_the_same_in_any_batch_order_and_number_of_samples(tmp_path: Path, network: Linear) -> None:
    """36 images are two shards; one of them cannot be read, and one is there twice."""
    images: dict[str, Tensor | None] = {**pictures(36)}
    first, second = drawn(images)[:2]
    images[first], images["the second again"] = None, images[second]
    whole = maps(tmp_path / "whole", network, images)
    assert len(whole) == 36
    check(network, whole, images)
    backwards = dict(reversed(images.items()))
    for folder, other, keys in (
        ("small", images, {"batch": 3, "workers": 2}),
        ("few", images, {"samples": 3}),
        ("backwards", backwards, {"samples": 20}),
    ):
        again = maps(tmp_path / folder, network, other, **keys)
        for name, each in again.items():
            torch.testing.assert_close(each, whole[name], atol=1e-5, rtol=1e-4)


def test_the_seed_draws(tmp_path: Path, network: Linear) -> None:
    images = pictures(30)
    stored = maps(tmp_path, network, images, seed=1, samples=5)
    check(network, stored, images, seed=1)
    assert drawn(images, 0)[:REFERENCES] != drawn(images, 1)[:REFERENCES]
    names = [f"image {i}" for i in range(1000)]
    assert len(set(reference_candidates(names, 0))) == CANDIDATES


def test_another_reference_makes_other_maps_and_nothing_else_does(tmp_path: Path, network: Linear) -> None:
    """A folder's maps are kept while the images that they are compared with are."""
    images = pictures(50)
    used, unused = drawn(images)[0], next(name for name in images if name not in drawn(images))
    before = maps(tmp_path, network, images, samples=2)
    assert used not in before
    assert unused not in before

    def computed(changed: str) -> int:
        other = {**images, changed: torch.zeros(SIZE)}
        again = maps(tmp_path, network, other, samples=2)
        check(network, again, other)
        return int(bb.Run.load(tmp_path).record.info["work"]["cells_computed"])

    assert computed(unused) == 0
    assert computed(used) > 0


def test_an_image_without_others_is_not_applicable(tmp_path: Path, network: Linear) -> None:
    images = {**pictures(3), "wide": torch.zeros(3, 8, 10)}
    study = bb.Study(
        models={"net": seeded(Pooled)},
        datasets={"data": Named(images)},
        layers=["conv"],
        methods=["expectedgradients", "saliency"],
        metrics=["sparseness"],
        samples=4,
    )
    table = study.run(tmp_path, report=False).table.set_index(["method", "sample"])
    assert table["status"]["expectedgradients", "wide"] == "not_applicable"
    assert "no other image of this size" in table["reason"]["expectedgradients", "wide"]
    assert table["status"]["saliency", "wide"] == "ok"
    assert (table["status"]["expectedgradients"].drop("wide") == "ok").all()


def test_a_subset_is_compared_with_what_the_whole_is() -> None:
    data = Named(pictures(40))
    whole, *_ = shards(model(), data, "data", "predicted", study(40))
    (part,) = shards(model(), ChosenData(data, (7, 2), "two of them"), "data", "predicted", study(2))
    assert part.ids == ("picture 7", "picture 2")
    assert part.whole.references(0) == whole.whole.references(0) != whole.whole.references(1)
    assert len(part.whole.references(0)) == CANDIDATES
