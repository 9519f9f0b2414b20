"""Networks that read one cell of a grid: against the network on the cell alone, and gradients that are exactly 0."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import benchbench as bb
from benchbench.errors import BenchError, NotApplicable
from benchbench.models.disconnect import disconnect
from benchbench.models.disconnected import disconnected
from benchbench.models.grid_cells import (
    Division,
    PerCell,
    Setting,
    box_of,
    cells_of,
    division_of,
    grid_of,
    part_of,
    undivided,
)
from benchbench.network.behind_layer import cut as cut_behind
from benchbench.network.capture import capture
from benchbench.network.layers import resolve
from benchbench.registry import MODELS, ModelPlugin
from benchbench.study.spec import StudySpec
from benchbench.types import ModelSpec, Preprocess

from ..narrow import narrow

SIDE = 32
LAYERS = {  # the last map, which lies in the head of SqueezeNet
    "resnet18": "layer4",
    "vgg11_bn": "features",
    "squeezenet1_1": "classifier.2",
    "densenet121": "features",
    "mobilenet_v3_small": "features",  # squeeze and excitation
    "convnext_tiny": "features",
}


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def cut(name: str, setting: Setting, grid: int = 2, cell: int = 1, side: int = SIDE) -> tuple[nn.Module, nn.Module]:
    network = narrow(name, 10)
    return network, disconnect(network, Division(setting, grid, cell), (3, side, side))


def outside(tensor: Tensor, grid: int, cell: int) -> Tensor:
    """A copy (B, n n, ...) of a map's cells, without the cell."""
    parts = torch.stack([part for row in tensor.chunk(grid, 2) for part in row.chunk(grid, 3)], 1)
    return parts[:, [i for i in range(grid * grid) if i != cell]]


@pytest.mark.parametrize("name", LAYERS)
def test_difull_is_the_network_on_the_cell_alone(name: str) -> None:
    side = 48 if name == "squeezenet1_1" else SIDE  # its narrow weights die on smaller images
    network, divided = cut(name, "difull", side=side)
    images = noise(2, 3, 2 * side, 2 * side, seed=1).requires_grad_(True)
    logits = divided(images)
    with torch.no_grad():
        torch.testing.assert_close(logits, network(images[:, :, :side, side:]), rtol=1e-4, atol=1e-5)
    (gradient,) = torch.autograd.grad(logits.sum(), images)
    assert gradient[:, :, :side, side:].count_nonzero() > 0
    assert outside(gradient, 2, 1).count_nonzero() == 0, "other cells cannot influence the logit"


@pytest.mark.parametrize("setting", ["difull", "dipart"])
@pytest.mark.parametrize("name", LAYERS)
def test_the_layers_keep_their_names_and_cover_the_grid(name: str, setting: Setting) -> None:
    _, divided = cut(name, setting)
    assert resolve(divided, noise(1, 3, 64, 64), "last") == [LAYERS[name]]


def test_the_maps_of_difull_are_those_of_the_cells_side_by_side() -> None:
    network, divided = cut("resnet18", "difull", grid=3, cell=8)
    images = noise(1, 3, 3 * SIDE, 3 * SIDE)
    (whole,) = capture(divided, images, ["layer2"], lambda logits: logits.argmax(1)).activations.values()
    for row in range(3):
        for column in range(3):
            cell = images[:, :, row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
            (alone,) = capture(network, cell, ["layer2"], lambda logits: logits.argmax(1)).activations.values()
            h = alone.shape[2]
            part = whole[:, :, row * h : (row + 1) * h, column * h : (column + 1) * h]
            torch.testing.assert_close(part, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("grid", [2, 3])
def test_dipart_gives_the_head_the_features_of_the_cell(grid: int) -> None:
    """Against the linear layer on the mean of the undivided network's features in the cell."""
    last = grid * grid - 1
    network, divided = cut("resnet18", "dipart", grid, last)
    images = noise(2, 3, grid * SIDE, grid * SIDE)
    shown = capture(divided, images, ["layer4"], lambda logits: torch.full((2,), 3))
    features = capture(network, images, ["layer4"], lambda logits: torch.full((2,), 3)).activations["layer4"]
    torch.testing.assert_close(shown.activations["layer4"], features)
    side = features.shape[2] // grid
    head = network.fc
    assert isinstance(head, nn.Linear)
    expected = features[:, :, -side:, -side:].mean((2, 3)) @ head.weight.T + head.bias
    torch.testing.assert_close(shown.logits, expected)
    gradient = shown.gradients["layer4"]
    assert outside(gradient, grid, last).count_nonzero() == 0, "features of other cells do not reach the head"
    torch.testing.assert_close(
        gradient[:, :, -side:, -side:], (head.weight[3] / side**2)[None, :, None, None].expand(2, -1, side, side)
    )


def test_dipart_leaves_the_pixels_of_other_cells_their_influence() -> None:
    """Receptive fields cross borders, which is what sets it apart from DiFull."""
    _, divided = cut("resnet18", "dipart")
    images = noise(1, 3, 2 * SIDE, 2 * SIDE).requires_grad_(True)
    (gradient,) = torch.autograd.grad(divided(images)[:, 3].sum(), images)
    assert outside(gradient, 2, 1).count_nonzero() > 0


def test_the_network_given_is_left_as_it_is_and_undivided_it_is_back() -> None:
    network, divided = cut("mobilenet_v3_small", "difull")
    image = noise(1, 3, SIDE, SIDE)
    assert division_of(network) is None
    assert division_of(divided) == Division("difull", 2, 1)
    with torch.no_grad():
        with undivided(divided):
            assert torch.equal(divided(image), network(image))
        assert all(part.divided for part in divided.modules() if isinstance(part, PerCell))


@pytest.mark.parametrize("setting", ["difull", "dipart"])
def test_methods_that_trace_the_network_work_on_the_cut_one(setting: Setting) -> None:
    _, divided = cut("resnet18", setting)
    images = noise(2, 3, 2 * SIDE, 2 * SIDE)
    shown = capture(divided, images, ["layer3"], lambda logits: logits.argmax(1))
    activation, layout = shown.activations["layer3"], shown.layouts["layer3"]
    assert cut_behind(divided, "layer3", images, activation, shown.logits, layout) is not None
    relevance = bb.explain(divided, images, method="guidedbackprop", layer="layer3")
    others = outside(relevance, 2, 1).count_nonzero()
    assert (others == 0) == (setting == "difull")


class Flattened(nn.Module):
    """A head for one size of images."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4))
        self.head = nn.Linear(4 * 8 * 8, 5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(images).flatten(1))
        return logits


def test_a_flattened_head_is_cut_too() -> None:
    network = Flattened().eval()
    images = noise(1, 3, 64, 64)
    full, part = (disconnect(network, Division(setting, 2, 2), (3, SIDE, SIDE)) for setting in ("difull", "dipart"))
    with torch.no_grad():
        torch.testing.assert_close(full(images), network(images[:, :, SIDE:, :SIDE]))
        maps = network.features(images)[:, :, 8:, :8]
        torch.testing.assert_close(part(images), network.head(maps.flatten(1)))


def test_functional_pooling_between_modules_is_no_obstacle_where_a_module_is_divided_whole() -> None:
    """Inception pools by functions in its blocks, on 3 x 3 windows that would cross borders."""
    network = narrow("inception_v3", 10)
    divided = disconnect(network, Division("difull", 2, 0), (3, 96, 96))
    images = noise(1, 3, 192, 192)
    with torch.no_grad():
        torch.testing.assert_close(divided(images), network(images[:, :, :96, :96]), rtol=1e-4, atol=1e-4)


class Around(Flattened):
    """The head reads the image's mean besides the last map."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images) + images.mean((1, 2, 3))[:, None]


class Decides(Flattened):
    """Its forward depends on values."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images) if images.sum() > 0 else super().forward(-images)


class Mixes(Flattened):
    """A function of the whole map stands between modules."""

    def forward(self, images: Tensor) -> Tensor:
        maps = self.features(images)
        logits: Tensor = self.head((maps - maps.mean((2, 3), keepdim=True)).flatten(1))
        return logits


@pytest.mark.parametrize(
    ("network", "setting", "reason"),
    [
        (Around(), "dipart", "DiPart cannot cut the network: its head reads more than its last map"),
        (Decides(), "dipart", "DiPart cannot cut the network: TraceError"),
        (Mixes(), "difull", "DiFull cannot cut the network: its logits differ from those of the cell alone"),
        (nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 5)), "difull", "no map of it grows with the image"),
    ],
)
def test_what_cannot_be_cut_says_why(network: nn.Module, setting: Setting, reason: str) -> None:
    with pytest.raises(NotApplicable, match=reason):
        disconnect(network, Division(setting, 2, 0), (3, SIDE, SIDE))


@settings(max_examples=30, deadline=None)
@given(grid=st.integers(2, 3), h=st.integers(1, 4), w=st.integers(1, 4), count=st.integers(1, 2))
def test_cells_and_grid_are_inverse(grid: int, h: int, w: int, count: int) -> None:
    maps = torch.arange(count * 2 * grid * h * grid * w, dtype=torch.float).reshape(count, 2, grid * h, grid * w)
    cells = cells_of(maps, grid)
    assert torch.equal(grid_of(cells, grid), maps)
    for cell in range(grid * grid):
        rows, columns = box_of(Division("difull", grid, cell), (grid * h, grid * w))
        assert torch.equal(cells[cell], maps[0, :, rows, columns])


@given(grid=st.integers(2, 3), side=st.integers(3, 60))
def test_parts_are_equal_apart_and_reach_both_edges(grid: int, side: int) -> None:
    parts = [part_of(side, grid, i) for i in range(grid)]
    assert parts[0][0] == 0
    assert sum(parts[-1]) == side
    assert {length for _, length in parts} == {side // grid}
    assert all(start + length <= after for (start, length), (after, _) in itertools.pairwise(parts))


@pytest.fixture
def tiny_model() -> Iterator[None]:
    def tiny(*, classes: int = 10) -> ModelSpec:
        return ModelSpec("tiny", narrow("resnet18", classes), Preprocess(40, SIDE), classes=tuple("abcdefghij"))

    MODELS.add(ModelPlugin("tiny-cut", tiny, title="Tiny"))
    yield
    MODELS.remove("tiny-cut")


@pytest.mark.usefixtures("tiny_model")
def test_a_study_names_the_network_to_cut() -> None:
    item = {
        "name": "disconnected",
        "of": {"name": "tiny-cut", "classes": 10},
        "setting": "dipart",
        "grid": "3",
        "cell": 8,
    }
    study = StudySpec(models=[item], datasets=["photos"], methods=["gradcam"], metrics=["deletion"])
    (choice,) = study.models
    assert choice.title == "Tiny, dipart (cell=8, grid=3)"
    spec = disconnected(**choice.params)
    assert (spec.preprocess.resize, spec.preprocess.crop) == (120, 3 * SIDE)
    assert spec.classes == tuple("abcdefghij")
    assert division_of(spec.network) == Division("dipart", 3, 8)


@pytest.mark.usefixtures("tiny_model")
def test_a_cell_that_the_grid_does_not_have() -> None:
    params = MODELS["disconnected"].bind({"of": "tiny-cut", "cell": 4})
    with pytest.raises(BenchError, match=r"tiny-cut: a grid of 2 x 2 has no cell 4\. Give 0 to 3"):
        disconnected(**params)
