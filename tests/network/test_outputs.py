"""What networks return besides logits: records, dictionaries, tuples, one number; and what is said of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.network.assumptions import broken_promises
from benchbench.network.outputs import with_logits

from ..networks import Pooled, seeded

Read = Callable[[Tensor], Any]


class Returning(Pooled):
    """Pooled, whose output goes through a function."""

    def __init__(self, read: Read, classes: int = 7) -> None:
        super().__init__(classes)
        self.read = read

    def forward(self, images: Tensor) -> Any:
        return self.read(super().forward(images))


@dataclass
class Record:
    logits: Tensor
    hidden: Tensor | None = None


class ModelOutput(OrderedDict):  # type: ignore[type-arg]
    """As transformers' outputs are: a dictionary with attributes, of which those that are None are no items."""

    def __getattr__(self, name: str) -> Any:
        return self.get(name)


def returning(read: Read, classes: int = 7) -> Returning:
    return seeded(lambda: Returning(read, classes))


FORMS: dict[str, tuple[Read, str]] = {
    "record": (
        lambda z: Record(z),
        "The network returns a record of the class Record: its tensor output.logits is taken as the logits",
    ),
    "model output": (
        lambda z: ModelOutput(loss=z.sum(), logits=z, hidden_states=(z,)),
        "The network returns a dictionary of the class ModelOutput: its tensor output['logits'] is taken as the logits",
    ),
    "out": (
        lambda z: {"aux": z * 2, "out": z},
        "The network returns a dictionary: its tensor output['out'] is taken as the logits",
    ),
    "tuple": (
        lambda z: (z, z * 2),
        "The network returns a tuple: its first tensor output[0] is taken as the logits",
    ),
    "list": (lambda z: [None, z], "The network returns a list: its first tensor output[1] is taken as the logits"),
    "maps before the logits": (
        lambda z: (z[:, :, None, None], z),
        "The network returns a tuple: its first tensor output[1] is taken as the logits",
    ),
    "nested": (
        lambda z: {"head": [{"scores": z}]},
        "The network returns a dictionary: its first tensor output['head'][0]['scores'] is taken as the logits",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_logits_are_found_and_said(form: str, images: Tensor) -> None:
    read, told = FORMS[form]
    changed = with_logits(returning(read), images[:1])
    assert changed.note == told
    assert changed.warning == ""
    plain = seeded(Pooled)
    with torch.no_grad():
        assert torch.equal(changed.network(images), plain(images))
    for method in ("gradcam", "scorecam", "ablationcam"):
        maps = bb.explain(returning(read), images, method=method, layer="relu", target=2)
        assert torch.equal(maps, bb.explain(plain, images, method=method, layer="relu", target=2))


def test_logits_stay_as_they_are(images: Tensor) -> None:
    network = seeded(Pooled)
    assert with_logits(network, images[:1]).network is network
    scored = bb.scored(returning(FORMS["record"][0]), lambda output: output.logits)
    assert with_logits(scored, images[:1]).network is scored


@pytest.mark.parametrize("read", [lambda z: None, lambda z: {"name": "cat"}, lambda z: z[..., None]])
def test_what_holds_no_logits_is_refused(read: Read, images: Tensor) -> None:
    with pytest.raises(BenchError, match=r"where logits \(B, C\) are needed"):
        bb.explain(returning(read), images, layer="relu")


def test_a_network_keeps_its_input_and_its_mode(images: Tensor) -> None:
    network = returning(lambda z: (z,)).train()
    before = images[:1].clone()
    changed = with_logits(network, images[:1]).network
    assert torch.equal(images[:1], before)
    assert network.training
    assert changed.training
    assert dict(changed.named_modules()).keys() == dict(network.named_modules()).keys()


SINGLE_LOGIT: dict[str, Read] = {"(B, 1)": lambda z: z, "(B,)": lambda z: z[:, 0], "squeezed": lambda z: z.squeeze()}


@pytest.mark.parametrize("form", SINGLE_LOGIT)
@pytest.mark.parametrize("score", ["softmax", "sigmoid"])
def test_one_logit_is_two_classes(form: str, score: Any, images: Tensor) -> None:
    """The probability of class 1 is sigmoid(z) and that of class 0 the rest, by softmax and by sigmoid alike."""
    network = returning(SINGLE_LOGIT[form], classes=1)
    with torch.no_grad():
        z = seeded(lambda: Pooled(1))(images)[:, 0]
        logits = with_logits(network, images[:1], score).network(images)
    expected = torch.stack([1 - z.sigmoid(), z.sigmoid()], 1)
    pair = z / 2 if score == "softmax" else z  # under softmax every figure in logits is half of that of z
    assert torch.equal(logits, torch.stack([-pair, pair], 1))
    probabilities = logits.softmax(1) if score == "softmax" else logits.sigmoid()
    torch.testing.assert_close(probabilities, expected)
    assert torch.equal(logits.argmax(1) == 1, z > 0)


@settings(max_examples=30)
@given(st.floats(-30, 30))
def test_the_pair_of_logits_has_the_probability_of_the_one(z: float) -> None:
    """softmax((-z/2, z/2))[1] = 1 / (1 + exp(-z))."""
    pair = torch.tensor([-z / 2, z / 2], dtype=torch.float64)
    torch.testing.assert_close(pair.softmax(0)[1], torch.tensor(z, dtype=torch.float64).sigmoid())


def signed(sign: int, z: Tensor) -> Tensor:
    return sign * z[:, 0]


def test_the_maps_of_one_logit(images: Tensor) -> None:
    """Class 1 is explained as the logit, class 0 as its negative."""
    network = returning(SINGLE_LOGIT["(B, 1)"], classes=1)
    for target, sign in ((1, 1), (0, -1)):
        number = bb.scored(network, partial(signed, sign))
        maps = bb.explain(network, images, layer="relu", target=target)
        torch.testing.assert_close(maps, bb.explain(number, images, layer="relu"), atol=1e-5, rtol=0)


def study(network: nn.Module, images: Tensor, folder: Path, **keys: Any) -> bb.Run:
    fixed = {"layers": ["relu"], "methods": ["gradcam"], "metrics": ["average_drop"]}
    return bb.Study(
        models={"net": bb.ModelSpec("net", network, classes=keys.pop("classes", ()))},
        datasets={"d": (images, [0, 1] * 3)},
        **{**fixed, **keys},
    ).run(folder, report=False)


@pytest.mark.parametrize("target", ["predicted", "0-1", "label"])
def test_a_study_of_a_record_is_that_of_its_logits(target: str, images: Tensor, tmp_path: Path) -> None:
    read, told = FORMS["tuple"]
    plain = study(seeded(Pooled), images, tmp_path / "plain", target=target)
    run = study(returning(read), images, tmp_path / "tuple", target=target)
    pd.testing.assert_frame_equal(run.table, plain.table)
    assert run.record.info["models"][0]["note"] == told
    assert plain.record.info["models"][0]["note"] == ""
    assert not [warning for warning in run.record.info["warnings"] if "tuple" in warning]


@pytest.mark.parametrize("score", ["softmax", "sigmoid"])
def test_a_study_of_one_logit(score: str, images: Tensor, tmp_path: Path) -> None:
    """Probabilities and predicted classes in the run are those of the one logit; names, accuracy and report too."""
    network = returning(SINGLE_LOGIT["(B, 1)"], classes=1)
    with torch.no_grad():
        z = seeded(lambda: Pooled(1))(images)[:, 0]
    run = study(network, images, tmp_path, score=score, classes=("cat", "dog"), target="label")
    photos = run.record.photos.sort_values("sample")
    chance = z.sigmoid().tolist()
    expected = [1 - p if label == 0 else p for p, label in zip(chance, [0, 1] * 3, strict=True)]
    assert photos["probability"].tolist() == pytest.approx(expected, abs=1e-5)
    assert list(photos["target_name"]) == ["cat", "dog"] * 3
    right = int(((z > 0).long() == torch.tensor([0, 1] * 3)).sum())
    assert run.record.info["accuracy"][0]["right"] == right
    (model,) = run.record.info["models"]
    assert model["classes"] == 2
    assert "class 1 has the probability sigmoid(z)" in model["note"]
    run.report()
    assert "class 1 has the probability sigmoid(z)" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_class_names_of_another_number_are_said(images: Tensor, tmp_path: Path) -> None:
    run = study(seeded(Pooled), images, tmp_path, classes=tuple("abc"))
    assert any("net has 7 outputs and 3 class names" in warning for warning in run.record.info["warnings"])


def test_a_sigmoid_behind_one_logit_is_said(images: Tensor) -> None:
    network = returning(lambda z: z.sigmoid(), classes=1)
    assert "ends in a sigmoid" in with_logits(network, images[:1]).warning
    assert with_logits(returning(lambda z: z.clamp(0, 1), classes=1), images[:1]).warning == ""


@pytest.mark.parametrize("count", [1, 4])
def test_log_probabilities_are_said(count: int, images: Tensor) -> None:
    (warning,) = broken_promises("net", returning(lambda z: z.log_softmax(1)), images[:count])
    assert "net returns log-probabilities, as after a log_softmax" in warning
    assert "Remove the log_softmax" in warning
    assert broken_promises("net", returning(lambda z: -z.abs() - 1), images[:count]) == []
