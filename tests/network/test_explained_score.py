"""What is explained, against closed forms: values and gradients in the logits, also where a probability is almost 1."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchbench.errors import BenchError
from benchbench.network.explained_score import explained_score
from benchbench.types import Activation
from benchbench.vocabulary import SCORES

LOGITS = torch.tensor([[2.0, 1.0, -1.0, 0.5], [0.0, 3.0, 2.5, -2.0], [1.0, 1.0, 1.0, 1.0]])
TARGETS = torch.tensor([0, 2, 3])


def hot(targets: Tensor, classes: int) -> Tensor:
    return torch.nn.functional.one_hot(targets, classes).double()


def rest_of(z: Tensor, y: Tensor) -> Tensor:
    """The softmax over the other classes, by leaving the target out."""
    rows = []
    for row, target in zip(z, y.tolist(), strict=True):
        kept = [i for i in range(len(row)) if i != target]
        weights = torch.zeros_like(row)
        weights[kept] = row[kept].softmax(0)
        rows.append(weights)
    return torch.stack(rows)


def runner_up(z: Tensor, y: Tensor) -> Tensor:
    """(B,): the first of the largest logits of the others."""
    best = []
    for row, target in zip(z.tolist(), y.tolist(), strict=True):
        others = [(value, -i) for i, value in enumerate(row) if i != target]
        best.append(-max(others)[1])
    return torch.tensor(best)


CLOSED: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {  # value and gradient, of a softmax
    "probability": lambda z, y: (
        (p := z.softmax(1)).gather(1, y[:, None])[:, 0],
        p.gather(1, y[:, None]) * (hot(y, z.shape[1]) - p),
    ),
    "log-probability": lambda z, y: (z.softmax(1).gather(1, y[:, None])[:, 0].log(), hot(y, z.shape[1]) - z.softmax(1)),
    "rest": lambda z, y: (
        z.gather(1, y[:, None])[:, 0] + z.softmax(1).gather(1, y[:, None])[:, 0].log(),
        2 * hot(y, z.shape[1]) - z.softmax(1),
    ),
    "contrast": lambda z, y: (
        z.gather(1, y[:, None])[:, 0] - z.gather(1, runner_up(z, y)[:, None])[:, 0],
        hot(y, z.shape[1]) - hot(runner_up(z, y), z.shape[1]),
    ),
    "contrast-weighted": lambda z, y: (
        z.gather(1, y[:, None])[:, 0] - (rest_of(z, y) * z).sum(1),
        hot(y, z.shape[1]) - rest_of(z, y),
    ),
}
SIGMOID: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {  # of the target's logit
    "probability": lambda y: (y.sigmoid(), y.sigmoid() * (1 - y.sigmoid())),
    "log-probability": lambda y: (y.sigmoid().log(), 1 - y.sigmoid()),
    "rest": lambda y: (y + y.sigmoid().log(), 2 - y.sigmoid()),
}


def explained(name: str, logits: Tensor, targets: Tensor, activation: Activation = "softmax") -> tuple[Tensor, Tensor]:
    score = explained_score(name, targets, activation)
    assert score is not None
    leaf = logits.clone().requires_grad_()
    values = score(leaf)
    (gradient,) = torch.autograd.grad(values.sum(), leaf)
    assert gradient.dtype == logits.dtype
    return values.detach(), gradient


def test_every_score_but_the_logit_has_a_closed_form_here() -> None:
    assert {"logit", *CLOSED} == set(SCORES)
    assert explained_score("logit", TARGETS) is None


@pytest.mark.parametrize("name", CLOSED)
def test_value_and_gradient_are_the_closed_form(name: str) -> None:
    value, gradient = CLOSED[name](LOGITS.double(), TARGETS)
    values, gradients = explained(name, LOGITS, TARGETS)
    torch.testing.assert_close(values, value)
    torch.testing.assert_close(gradients, gradient.float())


@pytest.mark.parametrize("name", SIGMOID)
def test_with_a_sigmoid_no_other_class_counts(name: str) -> None:
    y = LOGITS.double().gather(1, TARGETS[:, None])[:, 0]
    value, slope = SIGMOID[name](y)
    values, gradients = explained(name, LOGITS, TARGETS, "sigmoid")
    torch.testing.assert_close(values, value)
    torch.testing.assert_close(gradients, (hot(TARGETS, 4) * slope[:, None]).float())


@pytest.mark.parametrize("name", ["contrast", "contrast-weighted"])
def test_a_contrast_is_of_logits_with_either(name: str) -> None:
    softmax, sigmoid = explained(name, LOGITS, TARGETS), explained(name, LOGITS, TARGETS, "sigmoid")
    assert all(map(torch.equal, softmax, sigmoid))


@pytest.mark.parametrize("gap", [20.0, 40.0, 60.0])
def test_a_probability_close_to_1_keeps_its_gradient(gap: float) -> None:
    """p (1 - p), where 1 - p is far below what float32, and float64, can tell from 0 beside 1."""
    _, gradient = explained("probability", torch.tensor([[gap, 0.0, 0.0]]), torch.tensor([0]))
    left = 2 * math.exp(-gap) / (1 + 2 * math.exp(-gap))
    assert gradient[0].tolist() == pytest.approx([left, -left / 2, -left / 2], rel=1e-5)


@given(st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=6), st.integers(0, 5))
def test_gradients_of_all_differences_of_logits_sum_to_0(values: list[float], target: int) -> None:
    """What depends on differences of logits alone does not change when a constant is added to all."""
    logits, targets = torch.tensor([values]), torch.tensor([target % len(values)])
    for name in ("probability", "log-probability", "contrast", "contrast-weighted"):
        _, gradient = explained(name, logits, targets)
        assert float(gradient.double().sum()) == pytest.approx(0, abs=1e-6), name
    odds = explained("contrast-weighted", logits, targets)[1]
    p = float(logits.double().softmax(1)[0, targets])
    torch.testing.assert_close(explained("log-probability", logits, targets)[1], (1 - p) * odds, atol=1e-6, rtol=1e-4)


def test_images_do_not_know_of_each_other() -> None:
    for name in CLOSED:
        whole = explained(name, LOGITS, TARGETS)[1]
        alone = [explained(name, LOGITS[i : i + 1], TARGETS[i : i + 1])[1] for i in range(3)]
        assert torch.equal(whole, torch.cat(alone)), name


def test_an_unknown_score() -> None:
    with pytest.raises(BenchError, match=r"unknown score 'contrats'. Did you mean 'contrast'"):
        explained_score("contrats", TARGETS)
