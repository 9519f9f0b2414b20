"""The contract of a saliency method, as tests; see ``benchbench.testing.check_method``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..attribution.method_maps import method_maps
from ..errors import BenchError, NotApplicable
from ..network.scorer import Scorer
from ..registry import METHODS
from ..seeds import sample_seeds
from ..study.reference_draw import REFERENCES
from ..types import References

Check = Callable[["Case"], None]


@dataclass(frozen=True)
class Case:
    """A method with its parameters bound.

    ``constant``: its map may be the same everywhere. ``tolerance``: by how much of its largest value a map may differ
    between batches.
    """

    name: str
    params: dict[str, Any]
    constant: bool = False
    tolerance: float = 1e-4

    @property
    def needs(self) -> frozenset[str]:
        return METHODS[self.name].needs_of(self.params)

    def network(self) -> nn.Module:
        """A small one that the method applies to: see ``small_network_for``."""
        return small_network_for(self.needs)

    def maps(
        self,
        network: nn.Module,
        images: Tensor,
        *,
        batch: int = 16,
        layer: str = "relu",
        gradient: bool = True,
        ids: Sequence[str] = (),
    ) -> Tensor:
        """(B, h, w), as the engine gets them."""
        masks = torch.zeros(len(images), *images.shape[2:], dtype=torch.bool, device=images.device)
        masks[:, :, : images.shape[3] // 2] = True
        seeds = sample_seeds(0, "test", ids or [str(i) for i in range(len(images))])
        arguments = (METHODS[self.name], self.params, network, images, layer)
        more: dict[str, Any] = {"masks": masks, "references": example_references(images, 2), "gradient": gradient}
        return method_maps(*arguments, _most_likely, seeds, scorer=Scorer(network, batch), **more)


class Small(nn.Module):
    """Two convolutions with in-place ReLUs, batch norm with statistics, global average pooling, a linear layer."""

    def __init__(self, classes: int = 7, stride: int = 2) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
        self.conv = nn.Conv2d(6, 10, 3, stride, 1)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(10, classes)
        for name, buffer in self.stage1[1].named_buffers():
            if name != "num_batches_tracked":
                buffer.uniform_(0.5, 1.5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.relu(self.conv(self.stage1(images))).mean((2, 3)))
        return logits


def small_transformer(classes: int = 7) -> nn.Module:
    """torchvision's vision transformer with two blocks of two heads, for 64 x 64 pixels."""
    from torchvision.models import VisionTransformer  # importing torchvision takes seconds

    network: nn.Module = VisionTransformer(
        image_size=64, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=classes
    )
    for module in network.modules():
        if isinstance(module, nn.Linear):  # torchvision's head is zero
            nn.init.normal_(module.weight, std=0.3)
        if isinstance(module, nn.MultiheadAttention):
            nn.init.normal_(module.in_proj_weight, std=0.5)
    return network


def small_detector(classes: int = 7) -> nn.Module:
    """torchvision's RetinaNet on one convolution as a classifier, for 64 x 64 pixels."""
    from torchvision.models.detection import RetinaNet  # importing torchvision takes seconds
    from torchvision.models.detection.anchor_utils import AnchorGenerator

    from ..models.detector import detector

    backbone = nn.Sequential(nn.Conv2d(3, 8, 8, 8), nn.ReLU())
    backbone.out_channels = 8  # type: ignore[assignment]
    anchors = AnchorGenerator(((24,),), ((1.0,),))
    network = RetinaNet(backbone, classes, anchor_generator=anchors, topk_candidates=20)
    nn.init.normal_(network.head.classification_head.cls_logits.weight, std=1.0)  # torchvision's are all but equal
    return detector(network, classes, size=64)


def small_network_for(needs: Set[str]) -> nn.Module:
    """A small network that serves the needs: a vision transformer for attention, a detector, else convolutions."""
    if "attention" in needs:
        return seeded(small_transformer)
    return seeded(small_detector if "detections" in needs else Small)


def seeded(build: Callable[[], nn.Module]) -> nn.Module:
    """The network with the weights of seed 0, in eval mode; the global random state is left alone."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build().eval()


def example_images(count: int = 5, height: int = 64, width: int = 64) -> Tensor:
    """(count, 3, height, width), smooth, so that maps have structure."""
    coarse = torch.randn(count, 3, height // 8, width // 8, generator=torch.Generator().manual_seed(0))
    return nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")


def example_references(images: Tensor, count: int = REFERENCES) -> References:
    """Noise to compare images (B, channels, H, W) with, ``count`` pictures, the same for each of them."""
    noise = torch.randn(count, *images.shape[1:], generator=torch.Generator().manual_seed(1))
    return References(noise.to(images.device), (tuple(range(count)),) * len(images))


def shape_and_type(case: Case) -> None:
    """One finite float32 map per image, on the images' device, that is not the same everywhere."""
    images = example_images()
    maps = case.maps(case.network(), images)
    assert maps.shape[0] == len(images), f"{len(maps)} maps for {len(images)} images"
    assert maps.dtype == torch.float32, f"maps are {maps.dtype}"
    assert maps.device == images.device, f"maps are on {maps.device}, images on {images.device}"
    assert torch.isfinite(maps).all(), "a map has values that are not finite"
    assert case.constant or (maps.amax((1, 2)) > maps.amin((1, 2))).all(), "a map is constant"


def batches_and_order(case: Case) -> None:
    """Scored in other batches, in another order, or alone: the same maps."""
    network, images = case.network(), example_images()
    together = case.maps(network, images, batch=64)
    _same(case, case.maps(network, images, batch=3), together, "scored three at a time")
    order = list(range(len(images)))[::-1]
    _same(case, case.maps(network, images[order], ids=[str(i) for i in order]), together[order], "in another order")
    for i in range(len(images)):
        _same(case, case.maps(network, images[i : i + 1], ids=[str(i)]), together[i : i + 1], f"image {i} alone")


def seeds_and_traces(case: Case) -> None:
    """Twice the same; the global random state, weights, modes, gradients and hooks as they were."""
    network, images = case.network(), example_images()
    with _untouched(network):
        first = case.maps(network, images)
    assert torch.equal(first, case.maps(network, images)), "two calls give different maps"


def without_gradient(case: Case) -> None:
    """A method that does not say that it needs a gradient runs where there is none, under torch.no_grad()."""
    if "gradient" in case.needs:
        return
    with torch.no_grad():
        maps = case.maps(case.network(), example_images(), gradient=False)
    assert torch.isfinite(maps).all(), "a map has values that are not finite"


def plain_image(case: Case) -> None:
    """On images of one colour, black among them: finite maps, or not applicable."""
    images = torch.stack([torch.zeros(3, 64, 64), torch.full((3, 64, 64), 0.7)])
    _finite_or_not_applicable(case, case.network(), images)


def zero_gradient(case: Case) -> None:
    """On a network whose logits do not change: finite maps, or not applicable."""
    network = case.network()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Linear) and module.out_features == 7:
                module.weight.zero_()
    _finite_or_not_applicable(case, network, example_images())


def one_cell(case: Case) -> None:
    """On a layer of 1 x 1: finite maps, or not applicable."""
    if "attention" not in case.needs:
        _finite_or_not_applicable(case, seeded(lambda: Small(stride=8)), example_images(height=16, width=16))


def wide_images(case: Case) -> None:
    """On images twice as wide as high: a map as wide, unless it says its own size."""
    if {"attention", "detections"} & case.needs:  # these take squares alone
        return
    maps = case.maps(seeded(Small), example_images(height=48, width=96))
    height, width = maps.shape[1:]
    assert width == 2 * height or height == width, f"a map of {height} x {width} for images of 48 x 96"


CHECKS: dict[str, Check] = {
    "shape and type": shape_and_type,
    "batches and order": batches_and_order,
    "seeds and traces": seeds_and_traces,
    "without gradient": without_gradient,
    "plain image": plain_image,
    "zero gradient": zero_gradient,
    "one cell": one_cell,
    "wide images": wide_images,
}


def _most_likely(logits: Tensor) -> Tensor:
    return torch.argmax(logits, 1)


def _same(case: Case, maps: Tensor, expected: Tensor, when: str) -> None:
    off = float((maps - expected).abs().max() / expected.abs().max().clamp_min(1e-30))
    assert off <= case.tolerance, f"{when}, a map differs by {off:.1g} of the largest value"


def _finite_or_not_applicable(case: Case, network: nn.Module, images: Tensor) -> None:
    try:
        maps = case.maps(network, images)
    except NotApplicable:
        return
    except BenchError as error:
        raise AssertionError(str(error)) from error
    assert torch.isfinite(maps).all(), "a map has values that are not finite"


@contextmanager
def _untouched(network: nn.Module) -> Iterator[None]:
    def traces() -> list[Any]:
        hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in network.modules()]
        modes = [m.training for m in network.modules()]
        return [hooks, modes, [(p.requires_grad, p.grad is None) for p in network.parameters()]]

    weights = {key: value.clone() for key, value in network.state_dict().items()}
    state, before = torch.random.get_rng_state(), traces()
    yield
    assert torch.equal(torch.random.get_rng_state(), state), "the global random state was used"
    assert traces() == before, "hooks, modes or gradients of the network were left changed"
    for key, value in network.state_dict().items():
        assert torch.equal(value, weights[key]), f"{key} of the network was changed"
