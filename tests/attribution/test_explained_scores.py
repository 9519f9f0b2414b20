"""Methods under other scores than the logit: closed forms, shared captures, and what no score can be chosen for."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import benchbench as bb
from benchbench.attribution.layer_services import CapturedBatch, capture_batch
from benchbench.attribution.method_call import run_method
from benchbench.errors import BenchError, NotApplicable
from benchbench.network.explained_score import explained_score
from benchbench.network.scorer import Scorer
from benchbench.registry import METHODS
from benchbench.types import INPUT, Activation
from benchbench.vocabulary import SCORES

from ..networks import Pooled, seeded

OTHERS = [name for name in SCORES if name != "logit"]


@pytest.fixture(scope="module")
def network() -> Pooled:
    return seeded(Pooled)


@pytest.fixture(scope="module")
def pictures(images: Tensor) -> Tensor:
    return images[:3, :, ::2, ::2].contiguous()


def captured(
    network: nn.Module,
    pictures: Tensor,
    gradient: Any,
    layers: tuple[str, ...] = ("stage1", "relu"),
    activation: Activation = "softmax",
) -> CapturedBatch:
    scorer = Scorer(network, activation=activation)
    return capture_batch(network, scorer, pictures, layers, lambda z: z.argmax(1), gradient=gradient)


def slope(logits: Tensor, targets: Tensor, name: str, activation: Activation = "softmax") -> Tensor:
    """(B, C): the score's gradient in the logits."""
    score = explained_score(name, targets, activation)
    leaf = logits.detach().clone().requires_grad_()
    aim = leaf.gather(1, targets[:, None])[:, 0] if score is None else score(leaf)
    return torch.autograd.grad(aim.sum(), leaf)[0]


def map_under(score: str, method: str, network: nn.Module, pictures: Tensor, place: str, **params: Any) -> Tensor:
    plugin = METHODS[method]
    bound = plugin.bind({**params, "score": score})
    batch = captured(network, pictures, {score: [place]}, (place,)).explaining(score)
    return run_method(plugin, batch.layer(place, tuple(range(len(pictures)))), bound)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("name", SCORES)
def test_grad_cam_of_a_linear_head_is_cam_of_the_weights_times_the_slope(
    name: str, activation: Activation, network: Pooled, pictures: Tensor
) -> None:
    """Behind global average pooling <g_k> is (sum_c ds/dz_c W_ck) / (h w)."""
    batch = captured(network, pictures, {name: ["relu"]}, ("relu",), activation).explaining(name)
    seen = batch.captured
    weight = slope(seen.logits, seen.targets, name, activation) @ network.fc.weight.detach()
    activations = seen.activations["relu"]
    expected = torch.einsum("bk,bkhw->bhw", weight, activations).relu() / activations[0, 0].numel()
    plugin = METHODS["gradcam"]
    maps = run_method(plugin, batch.layer("relu", (0, 1, 2)), plugin.bind({"score": name}))
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-8)
    assert maps.amax() > 0


def test_one_capture_for_all_scores_is_one_for_each(network: Pooled, pictures: Tensor) -> None:
    layers = ("stage1", "relu", INPUT)
    shared = captured(network, pictures, dict.fromkeys(["contrast", *SCORES], layers), layers)
    alone = captured(network, pictures, True, layers)
    for layer in layers:
        assert torch.equal(shared.captured.gradients[layer], alone.captured.gradients[layer]), "to the last bit"
    for name in OTHERS:
        single = captured(network, pictures, {name: layers}, layers).explaining(name)
        for layer in layers:
            gradient = shared.explaining(name).captured.gradients[layer]
            assert torch.equal(gradient, single.captured.gradients[layer]), (name, layer)
            assert not torch.equal(gradient, alone.captured.gradients[layer]), (name, layer)


def test_a_score_costs_a_backward_and_no_forward(network: Pooled, pictures: Tensor) -> None:
    batch = captured(
        network, pictures, {"logit": ["relu"], "rest": ["relu"], "contrast": ["stage1"], "probability": []}
    )
    assert (batch.scorer.passes.forwards, batch.scorer.passes.backwards) == (3, 9)
    assert set(batch.explaining("contrast").captured.gradients) == {"stage1"}
    with pytest.raises(BenchError, match="captured without its gradient"):
        _ = batch.explaining("contrast").layer("relu", (0, 1, 2)).gradient


@pytest.mark.parametrize("name", OTHERS)
def test_gradients_of_other_images_are_of_the_same_score(name: str, network: Pooled, pictures: Tensor) -> None:
    targets = network(pictures).argmax(1)
    score, total = explained_score(name, targets), torch.zeros_like(pictures)
    assert score is not None
    for i in range(4):
        step = (pictures * ((i + 0.5) / 4)).requires_grad_()
        total += torch.autograd.grad(score(network(step)).sum(), step)[0] / 4
    expected = (pictures * total).sum(1).relu()
    maps = map_under(name, "integratedgradients", network, pictures, INPUT, steps=4)
    torch.testing.assert_close(maps, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", ["probability", "contrast"])
def test_curvature_is_of_the_same_score(name: str, network: Pooled, pictures: Tensor) -> None:
    """Shapley-CAM, with the whole Hessian of the score in the pooled activation, which has 10 entries."""
    batch = captured(network, pictures, {name: ["relu"]}, ("relu",)).explaining(name)
    activation, targets = batch.captured.activations["relu"].double(), batch.captured.targets
    weight, bias = network.fc.weight.detach().double(), network.fc.bias.detach().double()
    expected = []
    for row, target in zip(activation, targets, strict=True):
        score = explained_score(name, target[None])
        assert score is not None

        def of_mean(mean: Tensor, score: Any = score) -> Tensor:
            value: Tensor = score((mean @ weight.T + bias)[None])[0]
            return value

        mean = row.mean((1, 2))
        gradient = torch.autograd.functional.jacobian(of_mean, mean)  # type: ignore[no-untyped-call]
        hessian = torch.autograd.functional.hessian(of_mean, mean)  # type: ignore[no-untyped-call]
        assert (float(hessian.abs().max()) > 0) is (name == "probability")
        scale = (gradient - hessian @ mean / 2) / row[0].numel()
        expected.append((scale[:, None, None] * row).sum(0).relu())
    maps = map_under(name, "shapleycam", network, pictures, "relu")
    torch.testing.assert_close(maps.double(), torch.stack(expected), rtol=1e-4, atol=1e-8)


def test_stages_lend_the_gradients_of_the_same_score(network: Pooled, pictures: Tensor) -> None:
    batch = captured(network, pictures, {"contrast": ["relu"]}, ("relu",)).explaining("contrast")
    first, *_ = batch.layer("relu", (0, 1, 2)).stages
    both = captured(network, pictures, {"contrast": [first.name]}, (first.name,)).explaining("contrast")
    assert torch.equal(first.gradient, both.captured.gradients[first.name])


def test_a_method_inside_another_reads_the_score_of_the_outer(network: Pooled, pictures: Tensor) -> None:
    inner = map_under("probability", "gradcam", network, pictures, "relu")
    outer = map_under("probability", "inverted", network, pictures, "relu", of="gradcam")
    torch.testing.assert_close(outer, -inner)
    with pytest.raises(BenchError, match=r"gradcam\(score=contrast\) is inside another method"):
        METHODS["inverted"].bind({"of": {"name": "gradcam", "score": "contrast"}})


class OneLogit(nn.Module):
    """One number per image."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU())
        self.fc = nn.Linear(4, 1)

    def forward(self, images: Tensor) -> Tensor:
        logit: Tensor = self.fc(self.features(images).mean((2, 3)))
        return logit


@pytest.mark.parametrize("score", OTHERS)
def test_one_logit_has_the_same_map_under_every_score(score: str, pictures: Tensor) -> None:
    """Of logits (-z/2, z/2), every score is an increasing function of the target's: only the scale differs."""
    network = seeded(OneLogit)
    plain = bb.explain(network, pictures, method="hirescam", layer="features", rectified=False)
    again = bb.explain(network, pictures, method="hirescam", layer="features", rectified=False, score=score)
    torch.testing.assert_close(again, plain, atol=1e-5, rtol=0)


def test_explain_takes_a_score_and_the_logit_is_the_default(network: Pooled, pictures: Tensor) -> None:
    plain = bb.explain(network, pictures, layer="relu")
    assert torch.equal(bb.explain(network, pictures, layer="relu", score="logit"), plain)
    under = bb.explain(network, pictures, layer="relu", score="contrast")
    torch.testing.assert_close(under[:2], bb.explain(network, pictures[:2], layer="relu", score="contrast"))
    assert not torch.allclose(under, plain, atol=1e-3)


def test_a_network_with_a_score_of_its_own_has_no_other(network: Pooled, pictures: Tensor) -> None:
    with pytest.raises(NotApplicable, match="its score is what is explained, and has no contrast"):
        bb.explain(bb.scored(network, lambda z: z[:, 1]), pictures, layer="relu", score="contrast")
    with pytest.raises(NotApplicable, match="and has no probability"):
        bb.explain(network, pictures, layer="relu", target="1-2", score="probability")


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ("cam", "its weights are those of the target's logit in the last layer"),
        ("scorecam", "its definition says which score of the changed images it reads"),
        ("ablationcam", "its definition says which score of the changed activations it reads"),
        ("eigencam", "it reads no score of the target"),
        ("random", "it reads no score of the target"),
        ("finercam", "it explains a difference of logits by its definition"),
        ("fullgrad", "its terms add up to the target's logit"),
        ("deeplift", "its rules propagate the target's logit"),
        ("guidedgradcam", "guided backpropagation propagates the target's logit"),
        ("chefer", "it reads the attention"),
        ("attnlrp", "its rules propagate the target's logit"),
        ("libragrad", "its rules propagate the target's logit"),
        ("tis", "its definition says which score of the kept patches it reads"),
        ("winsorcam", "it reads the gradient of the target's logit at every convolution"),
        ("opticam", "its definition says which score it reads"),
    ],
)
def test_without_a_choice_the_error_says_why(method: str, why: str) -> None:
    with pytest.raises(BenchError, match=f"score: {method} has no score to choose: {why}.*Leave score out"):
        METHODS[method].bind({"score": "probability"})


def test_what_surrounds_a_method_with_a_fixed_score_has_it_too() -> None:
    with pytest.raises(BenchError, match="smoothed has no score to choose: it explains a difference of logits"):
        METHODS["smoothed"].bind({"of": "finercam", "score": "probability"})
    assert METHODS["smoothed"].bind({"of": "layercam", "score": "rest"})["score"] == "rest"


def test_a_parameter_called_score_stays_the_method_s_own() -> None:
    assert METHODS["occlusion"].bind({})["score"] == "logit"
    assert METHODS["occlusion"].explains({"score": "probability"}) == "logit"
    with pytest.raises(BenchError, match="Input should be 'probability' or 'logit'"):
        METHODS["occlusion"].bind({"score": "contrast"})
