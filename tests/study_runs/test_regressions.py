"""Networks and requests that once gave wrong numbers, tracebacks or false reasons."""

from __future__ import annotations

import operator
from functools import partial
from typing import Any

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

import benchbench as bb
from benchbench.errors import BenchError, NotApplicable
from benchbench.maps.normalise import saliency
from benchbench.network.attention import attentions
from benchbench.network.capture import capture
from benchbench.network.custom_score import protect_inputs, scored
from benchbench.network.layers import finer_stages, resolve
from benchbench.tracing.find_layout import layout_of, tokens_of
from benchbench.types.token_grid import Layout

from ..helpers import layer_of, map_of
from ..networks import Pooled, seeded


class Rows(nn.Module):
    """Its head's weight is a parameter of its own, with as many rows as there are classes."""

    def __init__(self, classes: int = 6) -> None:
        super().__init__()
        self.c = nn.Conv2d(3, 12, 3, 2, 1)
        self.w = nn.Parameter(torch.randn(classes, 12))

    def forward(self, images: Tensor) -> Tensor:
        return F.linear(F.relu(self.c(images)).mean((2, 3)), self.w)


@pytest.mark.parametrize("method", ["reciprocam", "ablationcam"])
def test_a_parameter_with_as_many_rows_as_images(method: str, images: Tensor) -> None:
    network = seeded(Rows)
    together = map_of(method, network, images, "c")
    apart = torch.cat([map_of(method, network, images[i : i + 1], "c") for i in range(6)])
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-6)


class Sequence(nn.Module):
    """Tokens first, batch second, and the first tokens go around the layer: as many as images."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.later, self.fc = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 6, 3, 1, 1), nn.Linear(6, 5)

    def forward(self, images: Tensor) -> Tensor:
        features = self.c(images).relu()
        around = features.flatten(2).permute(2, 0, 1)[:6]
        logits: Tensor = self.fc(self.later(features).relu().mean((2, 3)) + around.square().sum(0))
        return logits


def test_a_crossing_value_that_holds_the_batch_in_another_place(images: Tensor) -> None:
    network = seeded(Sequence)
    together = map_of("reciprocam", network, images, "later", score="logit")
    apart = torch.cat([map_of("reciprocam", network, images[i : i + 1], "later", score="logit") for i in range(6)])
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-5)


def score(logits: Tensor) -> Tensor:
    return logits[:, 2] - logits[:, 4]


def test_a_forward_of_the_instance_is_scored_too(images: Tensor) -> None:
    plain, patched = seeded(Pooled), seeded(Pooled)
    inner = patched.forward
    patched.forward = lambda images: inner(images)  # type: ignore[method-assign]
    torch.testing.assert_close(scored(patched, score)(images), scored(plain, score)(images))
    with pytest.raises(BenchError, match="whose forward cannot be changed"):
        scored(torch.compile(plain, backend="eager"), score)  # type: ignore[arg-type]


@pytest.mark.parametrize("scoring", [partial(torch.sum, dim=1), operator.itemgetter((slice(None), 1)), torch.squeeze])
def test_scores_without_code_of_their_own(scoring: Any) -> None:
    first, second = (scored(seeded(Pooled), s).benchbench_score for s in (scoring, partial(torch.sum, dim=0)))
    assert first != second
    assert first == scored(seeded(Pooled), scoring).benchbench_score


def test_a_score_in_training_mode_and_a_class_beside_a_score(images: Tensor) -> None:
    with pytest.raises(BenchError, match="training mode"):
        scored(seeded(Pooled), nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 2)))
    with pytest.raises(BenchError, match="its score is the target"):
        bb.explain(scored(seeded(Pooled), score), images, target=1)
    with pytest.raises(BenchError, match="of a class and itself"):
        bb.Study(
            models={"n": seeded(Pooled)}, datasets={"d": images}, methods=["cam"], metrics=["deletion"], target="2-2"
        ).run()


REACHED: dict[str, tuple[dict[str, Any], list[int]]] = {
    "class token": ({}, [0]),
    "patches": ({"global_pool": "avg"}, list(range(1, 65))),
    "patches and registers": ({"reg_tokens": 4, "class_token": False, "global_pool": "avg"}, list(range(4, 68))),
}


@pytest.mark.parametrize("kind", REACHED)
def test_which_tokens_the_logits_are_read_off(kind: str, images: Tensor) -> None:
    options, expected = REACHED[kind]
    network = seeded(
        lambda: timm.models.VisionTransformer(
            img_size=64, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=7, weight_init="", **options
        )
    )
    _, grid = attentions(network, images[:2], torch.tensor([1, 2]), "none")
    assert list(grid.read) == expected
    kept: list[Tensor] = []
    handle = network.blocks[1].register_forward_hook(lambda _m, _i, o: kept.append(o))
    loud = network(images[:2]).square().sum()
    handle.remove()
    (slope,) = torch.autograd.grad(loud, kept)
    assert slope.abs().amax((0, 2)).nonzero()[:, 0].tolist() == expected, "by the network's own gradient"


def test_attention_of_an_unknown_kind_beside_a_known_one_is_refused(images: Tensor) -> None:
    class OutlookAttention(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images

    network = seeded(
        lambda: timm.models.VisionTransformer(
            img_size=64, patch_size=8, embed_dim=16, depth=1, num_heads=2, num_classes=7
        )
    )
    network.add_module("other", OutlookAttention())
    with pytest.raises(NotApplicable, match="OutlookAttention"):
        attentions(network, images[:1], torch.zeros(1, dtype=torch.long), "logit")


def test_attention_weights_are_no_stage() -> None:
    network = timm.create_model("swin_tiny_patch4_window7_224", pretrained=False, depths=(1, 1, 2, 1)).eval()
    image = torch.randn(1, 3, 224, 224)
    assert finer_stages(network, image, "norm") == ("patch_embed", "layers.1", "layers.2", "norm")
    assert resolve(network, image, "stages") == ["patch_embed", "layers.1", "layers.2", "norm"]


def test_windows_are_no_maps_of_images() -> None:
    network = timm.create_model("mobilevit_xxs", pretrained=False, num_classes=7).eval()
    image = torch.randn(2, 3, 128, 128)
    (place,) = resolve(network, image[:1], "last")
    assert capture(network, image, [place], lambda z: z.argmax(1)).activations[place].shape[0] == 2
    with pytest.raises(NotApplicable, match=r"for 2 images \(windows or patches\)"):
        capture(network, image, ["stages.4.1.norm"], lambda z: z.argmax(1))


def test_channels_as_many_as_cells_are_told_by_the_module_or_refused() -> None:
    network = torchvision.models.swin_t(num_classes=10).eval()
    tokens, shape, size = tokens_of(network), (1, 96, 96, 96), (384, 384)
    norm = layout_of(shape, size, tokens, nn.LayerNorm(96))
    conv = layout_of(shape, size, tokens, nn.Conv2d(3, 96, 4))
    assert (norm, conv) == (Layout("last", 96, 96), Layout("first", 96, 96))
    for unclear in (network.features[1], nn.Sequential()):
        with pytest.raises(NotApplicable, match="first or last"):
            layout_of(shape, size, tokens, unclear)


class Writes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c, self.fc = nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(8, 5)

    def forward(self, images: Tensor) -> Tensor:
        images -= 0.5
        images /= 0.25
        logits: Tensor = self.fc(F.relu(self.c(images)).mean((2, 3)))
        return logits


class Leaves(Writes):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.clone())


@pytest.mark.parametrize("method", ["gradcam", "scorecam", "saliency", "occlusion", "rise"])
def test_a_network_that_writes_into_its_images(method: str, images: Tensor) -> None:
    original = images.clone()
    params: dict[str, Any] = {"masks": 20} if method == "rise" else {}
    maps = bb.explain(seeded(Writes), images, method=method, layer="c" if "cam" in method else "last", **params)
    assert torch.equal(images, original), "the user's images are left alone"
    expected = bb.explain(seeded(Leaves), images, method=method, layer="c" if "cam" in method else "last", **params)
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-5)
    network = seeded(Leaves)
    assert protect_inputs(network, images) is network


def test_guided_backpropagation_sees_functions_too(images: Tensor) -> None:
    class Curved(Pooled):
        def forward(self, images: Tensor) -> Tensor:
            return F.silu(super().forward(images))

    with pytest.raises(NotApplicable, match="silu"):
        map_of("guidedbackprop", seeded(Curved), images, "")


def test_cam_on_small_logits_is_held_to_them(images: Tensor) -> None:
    class Peak(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c, self.fc = nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(8, 5)
            self.fc.weight.data *= 3e-3
            self.fc.bias.data.zero_()

        def forward(self, images: Tensor) -> Tensor:
            logits: Tensor = self.fc(self.c(images).amax((2, 3)))
            return logits

    with pytest.raises(NotApplicable, match="not that of the layer's output"):
        map_of("cam", seeded(Peak), images, "c")


@pytest.mark.parametrize("method", ["blurred", "coarse"])
def test_a_constant_map_stays_constant_inside_a_control(method: str) -> None:
    class Tiny(Pooled):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(F.adaptive_avg_pool2d(images, 4))

    pictures = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    maps = map_of(method, seeded(Tiny), pictures, "relu", of="mean-activation")
    assert maps.shape[0] == 3
    assert torch.equal(saliency(maps, (16, 16)), torch.zeros(3, 16, 16))


def test_draws_of_a_method_in_a_method_are_independent(images: Tensor) -> None:
    layer = layer_of(seeded(Pooled), images, "relu")
    first, second = layer.normal(2, 3, 8, 8), layer.normal(2, 3, 8, 8, stream="smoothed")
    again = layer.look(images, stream="smoothed 0").normal(2, 3, 8, 8)
    for a, b in ((first, second), (first, again), (second, again)):
        assert abs(float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])) < 0.1
    assert torch.equal(first, layer.look(images).normal(2, 3, 8, 8))


def test_fullgrad_on_windows_is_whole_or_not_applicable() -> None:
    network = timm.create_model(
        "swin_tiny_patch4_window7_224", pretrained=False, img_size=64, window_size=4, depths=(1, 1, 1, 1), num_classes=5
    ).eval()
    with pytest.raises(NotApplicable, match="FullGrad"):
        bb.explain(network, torch.randn(2, 3, 64, 64), method="fullgrad")


def test_inside_inference_mode(images: Tensor) -> None:
    network = seeded(Pooled)
    expected = bb.explain(network, images)
    with torch.inference_mode():
        inference_images = images.clone()
        for method in ("gradcam", "saliency", "reciprocam"):
            assert torch.isfinite(
                bb.explain(network, inference_images, method=method, layer="relu" if "cam" in method else "last")
            ).all()
        torch.testing.assert_close(bb.explain(network, inference_images), expected)
    torch.testing.assert_close(bb.explain(network, inference_images), expected)


explain: Any = bb.explain
REQUESTS: dict[str, tuple[Any, str]] = {
    "text": (lambda n, x: explain(n, "a.png"), "images are str"),
    "files": (lambda n, x: explain(n, ["a.png"]), r"images\[0\]: is str"),
    "empty": (lambda n, x: explain(n, x[:0]), "images have the shape"),
    "integers": (lambda n, x: explain(n, (x * 255).byte()), "images are torch.uint8"),
    "nan": (lambda n, x: explain(n, x * float("nan")), "images have values that are not finite"),
    "double network": (lambda n, x: explain(seeded(Pooled).double(), x), "parameters are torch.float64"),
    "function": (lambda n, x: explain(lambda y: y, x), "the network is function"),
    "method": (lambda n, x: explain(n, x, method=None), "method is None"),
    "no layer": (lambda n, x: explain(n, x, layer=3), "layer is 3"),
    "no layers": (lambda n, x: explain(n, x, layer=[]), "list of layers is empty"),
    "true": (lambda n, x: explain(n, x, target=True), "target is True"),
    "bool": (lambda n, x: explain(n, x, target=torch.ones(6, dtype=torch.bool)), r"the shape \(6,\) of bool"),
    "no targets": (lambda n, x: explain(n, x, target=torch.zeros(6, 0, dtype=torch.long)), r"the shape \(6, 0\)"),
    "one output": (lambda n, x: explain(nn.Sequential(n, nn.Linear(7, 1)), x, layer="0.relu", target=2), "2 classes"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_that_make_no_sense_are_said_so(name: str, images: Tensor) -> None:
    call, message = REQUESTS[name]
    with pytest.raises(BenchError, match=message):
        call(seeded(Pooled), images)


def test_a_map_that_is_not_finite_is_not_given_out(images: Tensor) -> None:
    class Divides(Pooled):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images) / images.abs().amax((1, 2, 3))[:, None]

    black = images.clone()
    black[1] = 0
    with pytest.raises(BenchError, match="of image 1 has values that are not finite"):
        bb.explain(seeded(Divides), black)


@pytest.mark.parametrize("method", ["rise", "smoothgrad", "random", "sscam", "smoothed"])
def test_what_is_drawn_does_not_depend_on_the_place_in_the_batch(method: str, images: Tensor) -> None:
    few: dict[str, dict[str, Any]] = {"rise": {"masks": 30}, "sscam": {"samples": 2}}
    params = few.get(method, {})
    network = seeded(Pooled)
    together = bb.explain(network, images, method=method, **params)
    for i in (1, 4):
        alone = bb.explain(network, images[i : i + 1], method=method, **params)
        torch.testing.assert_close(alone[0], together[i], rtol=1e-3, atol=1e-4)


def test_last_and_stages_may_stand_in_a_list(images: Tensor) -> None:
    network = seeded(Pooled)
    assert resolve(network, images, ["last", "stage1"]) == ["relu", "stage1"]
    assert resolve(network, images, ["stages", "last"]) == resolve(network, images, "stages")
