"""AttnLRP and LibraGrad: relevance written out rule by rule, sums that are the logit, functions without a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.errors import NotApplicable
from benchbench.methods._backward import BALANCED, Backward
from benchbench.methods.attnlrp import LIBRAGRAD

from ..helpers import map_of
from ..networks import Vit, seeded
from ..tracing.test_tokens import lively

timm = pytest.importorskip("timm")
TIMM: dict[str, tuple[str, dict[str, Any]]] = {
    "distilled": ("deit_tiny_distilled_patch16_224", {}),
    "registers, mean of the patches": ("vit_medium_patch16_reg4_gap_256", {}),
    "registers, layer scale": ("vit_small_patch14_reg4_dinov2", {}),
    "gated units": ("vit_giant_patch14_reg4_dinov2", {"mlp_ratio": 2}),
    "rotary": ("eva02_tiny_patch14_224", {}),
    "quick GELU": ("vit_base_patch16_clip_quickgelu_224", {}),
    "normed queries": ("vit_base_patch16_rpn_224", {}),
    "pooled by attention": ("vit_base_patch16_siglip_224", {}),
}


def tiny(kind: str) -> nn.Module:
    """timm's network of the name with two blocks of width 32, for images of 64 pixels."""
    name, options = TIMM[kind]
    size = {"img_size": 64, "patch_size": 16, "embed_dim": 32, "depth": 2, "num_heads": 2, "num_classes": 7}
    return seeded(lambda: lively(timm.create_model(name, **{**size, **options}))).double()


def biased(network: nn.Module) -> nn.Module:
    """In float64, with biases that are not zero."""
    network = network.double()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(1)
        for parameter in network.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return network


def linear(relevance: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """R_i = x_i sum_j w_ij R_j / z_j."""
    share = relevance / F.linear(x, weight, bias)
    return x * (share @ weight)


def summed(relevance: Tensor, *terms: Tensor) -> list[Tensor]:
    whole = torch.stack([term.expand_as(relevance) for term in terms]).sum(0)
    return [relevance * term / whole for term in terms]


def normed(relevance: Tensor, x: Tensor, norm: Any) -> Tensor:
    """The deviation is a constant: a linear layer of x less its mean."""
    width = x.shape[-1]
    matrix: Tensor = (torch.eye(width) - 1 / width).to(x) * norm.weight[:, None]
    deviation: Tensor = (x.var(-1, correction=0, keepdim=True) + norm.eps).sqrt()
    output: Tensor = norm(x)
    return x * ((relevance / output / deviation) @ matrix)


def product(relevance: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """R_ji = a_ji sum_p b_ip R_jp / (2 o_jp), and so for b."""
    share = relevance / (2 * a @ b)
    return a * (share @ b.mT), b * (a.mT @ share)


def attnlrp_written_out(network: Any, images: Tensor, targets: Tensor) -> Tensor:
    """(B, H, W): relevance from the logit down, each layer's rule by its equation."""
    count = len(images)
    patches = F.unfold(images, 8, stride=8).mT
    embedding = network.conv_proj.weight.flatten(1), network.conv_proj.bias
    embedded = torch.cat([network.class_token.expand(count, -1, -1), F.linear(patches, *embedding)], 1)
    tokens = embedded + network.encoder.pos_embedding
    back: list[Callable[[Tensor], Tensor]] = [lambda r: summed(r, embedded, network.encoder.pos_embedding)[0]]
    for block in network.encoder.layers:
        for part in (attention_part, mlp_part):
            tokens, rule = part(block, tokens)
            back.append(rule)
    last = network.encoder.ln(tokens)
    logits = network.heads(last[:, 0])
    relevance = torch.zeros_like(logits).scatter(1, targets[:, None], logits.gather(1, targets[:, None]))
    relevance = linear(relevance, last[:, 0], network.heads[0].weight, network.heads[0].bias)
    relevance = normed(F.pad(relevance[:, None], (0, 0, 0, last.shape[1] - 1)), tokens, network.encoder.ln)
    for rule in reversed(back):
        relevance = rule(relevance)
    pixels = linear(relevance[:, 1:], patches, *embedding)
    return F.fold(pixels.mT, images.shape[2:], 8, stride=8).sum(1)


def attention_part(block: Any, tokens: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    x, inside = block.ln_1(tokens), block.self_attention
    q, k, v = (split(z) for z in F.linear(x, inside.in_proj_weight, inside.in_proj_bias).chunk(3, -1))
    scores = q @ k.mT / 8**0.5
    weights = scores.softmax(-1)
    mixed = joined(weights @ v)
    added = inside.out_proj(mixed)

    def rule(relevance: Tensor) -> Tensor:
        around, through = summed(relevance, tokens, added)
        through = linear(through, mixed, inside.out_proj.weight, inside.out_proj.bias)
        of_weights, of_v = product(split(through), weights, v)
        of_scores = scores * (of_weights - weights * of_weights.sum(-1, keepdim=True))
        of_q, of_k = product(of_scores, q, k.mT)
        inner = torch.cat([joined(z) for z in (of_q, of_k.mT, of_v)], -1)
        return around + normed(linear(inner, x, inside.in_proj_weight, inside.in_proj_bias), tokens, block.ln_1)

    return tokens + added, rule


def mlp_part(block: Any, tokens: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    x, (first, _, _, second, _) = block.ln_2(tokens), block.mlp
    hidden = F.gelu(first(x))
    added = second(hidden)

    def rule(relevance: Tensor) -> Tensor:
        around, through = summed(relevance, tokens, added)
        through = linear(through, hidden, second.weight, second.bias)  # the GELU hands it on
        return around + normed(linear(through, x, first.weight, first.bias), tokens, block.ln_2)

    return tokens + added, rule


def split(tokens: Tensor) -> Tensor:
    return tokens.reshape(*tokens.shape[:2], 2, 8).transpose(1, 2)


def joined(heads: Tensor) -> Tensor:
    return heads.transpose(1, 2).flatten(2)


def test_attnlrp_by_its_equations(images: Tensor) -> None:
    """lxt 2.1's explicit rules give this too, to 2e-5 of the largest value: they add 1e-6 to what they divide by."""
    network, pictures = biased(seeded(Vit)), images[:2].double()
    targets = network(pictures).argmax(1)
    expected = attnlrp_written_out(network, pictures, targets).detach().float()
    maps = map_of("attnlrp", network, pictures, "", targets, sign="signed")
    assert expected.abs().amax((1, 2)).min() > 0.01
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(map_of("libragrad", network, pictures, "", targets, sign="signed"), expected, atol=0.01)


class Cells(nn.Module):
    """A linear layer on all pixels, or a convolution over the image; then a sum."""

    def __init__(self, convolution: bool) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 2, 2) if convolution else nn.Linear(3 * 16, 4)

    def forward(self, images: Tensor) -> Tensor:
        answers: Tensor = self.layer(images if images.ndim == self.layer.weight.ndim else images.flatten(1))
        return answers.flatten(2).sum(2) if answers.ndim == 4 else answers


def gamma_rule(x: Tensor, weight: Tensor, bias: Tensor, gamma: float) -> Tensor:
    """Relevance (inputs,) of one output z = w x + b, term by term (zennit's generalised rule)."""
    z = float((weight @ x + bias).detach())
    sign, bias_value = 1 if z > 0 else -1, float(bias.detach())
    terms = [float((w * v).detach()) for w, v in zip(weight, x, strict=True)]
    terms = [term * (1 + gamma) if term * sign > 0 else term for term in terms]
    extra = bias_value * (1 + gamma) if bias_value * sign > 0 else bias_value
    return torch.tensor([term * z / (sum(terms) + extra) for term in terms])


@pytest.mark.parametrize("convolution", [False, True])
def test_the_gamma_rule_by_its_terms(convolution: bool) -> None:
    network: Any = biased(seeded(lambda: Cells(convolution)))
    picture = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    named = {"conv_gamma" if convolution else "gamma": 0.3}
    weight, bias = network.layer.weight.flatten(1), network.layer.bias
    for target in range(4):
        if convolution:
            columns = F.unfold(picture, 2, stride=2)[0]
            parts = [gamma_rule(column, weight[target], bias[target], 0.3) for column in columns.T]
            expected = F.fold(torch.stack(parts).T[None], (4, 4), 2, stride=2)
        else:
            expected = gamma_rule(picture.flatten(), weight[target], bias[target], 0.3).reshape(picture.shape)
        maps = map_of("attnlrp", network, picture, "", torch.tensor([target]), sign="signed", **named)
        torch.testing.assert_close(maps, expected.sum(1), rtol=1e-3, atol=1e-5)


def of_values(gradient: Tensor) -> Tensor:
    """Of torch's attention: queries and keys are behind constants, and so are their biases."""
    return torch.cat([torch.zeros_like(gradient[: len(gradient) * 2 // 3]), gradient[len(gradient) * 2 // 3 :]])


def completed(network: nn.Module, pictures: Tensor, rules: Any) -> tuple[Tensor, Tensor]:
    """The largest logits (B,), and image x gradient plus everything that is added x its gradient."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.endswith(("bias", "token", "pos_embed", "pos_embedding", "latent")))
    added = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for inside in (module for module in network.modules() if isinstance(module, nn.MultiheadAttention)):
        inside.in_proj_bias.register_hook(of_values)  # type: ignore[no-untyped-call]
    pictures = pictures.clone().requires_grad_()
    with Backward(rules, "the test"):
        logits = network(pictures).max(1).values
    gradients = torch.autograd.grad(logits.sum(), [pictures, *added], allow_unused=True)
    pairs = [(v, g) for v, g in zip([pictures, *added], gradients, strict=True) if g is not None]
    total = torch.stack([(value * gradient).sum() for value, gradient in pairs]).sum()
    return logits.detach(), total.detach()


@pytest.mark.parametrize("kind", ["torchvision", *TIMM])
def test_libragrad_adds_up_to_the_logit(kind: str, images: Tensor) -> None:
    """FullGrad-completeness (Mehri et al., section 3): with what is added times its gradient, in any transformer."""
    network, picture = biased(seeded(Vit) if kind == "torchvision" else tiny(kind)), images[:1].double()
    logits, total = completed(network, picture, LIBRAGRAD)
    assert abs(float(logits)) > 0.05
    torch.testing.assert_close(total, logits[0], rtol=1e-6, atol=1e-6)
    _, plain = completed(network, picture, {})
    assert abs(float(plain - logits)) > 1e-3, "the plain gradient adds up too: the test tells nothing"


def test_without_biases_the_map_alone_adds_up(images: Tensor) -> None:
    network, pictures = seeded(Vit).double(), images[:2].double()
    for name, parameter in network.named_parameters():
        if name.endswith(("bias", "token", "pos_embedding")):
            nn.init.zeros_(parameter)
    maps = map_of("libragrad", network, pictures, "", sign="signed")
    torch.testing.assert_close(maps.sum((1, 2)).double(), network(pictures).max(1).values, rtol=1e-4, atol=1e-5)


FUNCTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "product of matrices": lambda a, b: (a @ b.mT).flatten(1)[:, :7],
    "gate": lambda a, b: a * F.silu(b),
    "quick GELU": lambda a, b: (a + b) * torch.sigmoid(1.702 * (a + b)),
    "norms": lambda a, b: F.rms_norm(a, (8,)) + F.layer_norm(b, (8,)) + F.normalize(a, dim=-1),
    "attention without a softmax": lambda a, b: torch.bmm(torch.bmm(a, b.mT), a),
    "curves": lambda a, b: F.gelu(a, approximate="tanh") + torch.tanh(b) + F.hardswish(a) + F.relu6(a * 9),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_rule_of_attnlrp_keeps_the_sum(name: str) -> None:
    draws = torch.Generator().manual_seed(0)
    a, b = (torch.randn(2, 5, 8, generator=draws, dtype=torch.float64).requires_grad_() for _ in range(2))
    function = FUNCTIONS[name]
    with Backward(BALANCED, "the test"):
        answer = function(a, b)
    torch.testing.assert_close(answer, function(a, b))
    gradients = torch.autograd.grad(answer, [a, b], answer.detach(), allow_unused=True)
    total = sum((v * g).sum() for v, g in zip([a, b], gradients, strict=True) if g is not None)
    torch.testing.assert_close(total, answer.square().sum())


class Bent(nn.Module):
    """A function of the image's mean colours."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Tensor:
        return self.function(images.mean((2, 3)))


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (torch.exp, "exp"),
        (lambda x: x**2, "pow"),
        (lambda x: x / (1 + x.abs()), "div"),
        (lambda x: 1 / x, "rdiv"),
        (lambda x: torch.einsum("bi,bi->bi", x, x), "einsum"),
        (lambda x: (x + 0).mul_(x), "mul"),
    ],
)
@pytest.mark.parametrize("method", ["attnlrp", "libragrad"])
def test_a_function_without_a_rule_is_refused(method: str, function: Any, what: str, images: Tensor) -> None:
    with pytest.raises(NotApplicable, match=f"no rule for {what}"):
        map_of(method, Bent(function), images[:1], "")
    assert torch.isfinite(map_of(method, Bent(lambda x: x / 2 + x * 3), images[:1], "")).all()


def test_two_calls_leave_the_network_and_torch_alone(images: Tensor) -> None:
    network = seeded(Vit)
    before = network(images[:1])
    map_of("attnlrp", network, images[:1], "", gamma=0.1)
    assert torch.equal(network(images[:1]), before)
    exponential = torch.zeros(1, requires_grad=True).exp()  # refused by a mode that is left on
    assert float(exponential.detach()) == 1
