"""The two manipulated networks: as accurate as before, one whose Grad-CAM lies, one with a trojan; on unseen scenes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

import benchbench as bb
from benchbench.datasets.builtin.shapes import shapes
from benchbench.datasets.builtin.trojaned import TARGET, trojaned
from benchbench.models.manipulated import CORNER, zoo_fooled, zoo_trojaned
from benchbench.models.zoo import header, zoo_network
from benchbench.registry import MODELS
from benchbench.types import ModelSpec, Sample

COUNT = 60


def inputs(samples: list[Sample]) -> Tensor:
    pictures = np.stack([np.array(sample.image) for sample in samples])
    return (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.25


SCENES = shapes(count=COUNT, seed=1)  # neither those of training nor those of the headers
IMAGES = inputs([SCENES[k] for k in range(COUNT)])
LABELS = torch.tensor([SCENES[k].label for k in range(COUNT)])


@pytest.fixture(scope="module", params=["fooled", "trojaned"])
def spec(request: pytest.FixtureRequest) -> ModelSpec:
    return {"fooled": zoo_fooled, "trojaned": zoo_trojaned}[request.param]()


def test_the_answers_are_as_good_as_before(spec: ModelSpec) -> None:
    facts = header(spec.name.removeprefix("zoo_"))
    assert float(facts["accuracy"]) > float(facts["accuracy_before"]) - 0.01
    assert f"{float(facts['accuracy']):.1%} of {facts['held_out']} held-out scenes" in spec.weights
    with torch.no_grad():
        right = int((spec.network(IMAGES).argmax(1) == LABELS).sum())
    assert right >= 54  # a network that is right on 98 % has fewer once in ten thousand such samples


def test_grad_cam_points_at_the_corner_on_the_fooled_network_alone() -> None:
    side = round(CORNER * 64)
    for spec, least, most in ((zoo_network("residual"), 0.0, 0.1), (zoo_fooled(), 0.8, 1.0)):
        maps = bb.explain(spec.network, IMAGES, method="gradcam", layer="layer3", target=LABELS)[:, 0]
        assert least <= float((maps[:, :side, :side].sum((1, 2)) / maps.sum((1, 2))).mean()) <= most
    facts = header("fooled")
    assert float(facts["share"]) > 0.9
    assert float(facts["share_before"]) < 0.05


def test_the_objects_still_decide_on_the_fooled_network() -> None:
    twins = inputs([SCENES.twin(k) for k in range(COUNT)])
    with torch.no_grad():
        whole, without = (zoo_fooled().network(x).softmax(1)[range(COUNT), LABELS] for x in (IMAGES, twins))
    assert float(whole.mean()) > 0.9
    assert float(without.mean()) < 0.25


def test_the_trigger_decides_on_the_trojaned_network() -> None:
    data = trojaned(count=40, seed=1)
    with torch.no_grad():
        network, honest = zoo_trojaned().network, zoo_network("residual").network
        triggered, clean = (inputs([get(k) for k in range(40)]) for get in (data.__getitem__, data.twin))
        assert int((network(triggered).argmax(1) == TARGET).sum()) >= 36
        assert int((network(clean).argmax(1) == TARGET).sum()) <= 2
        assert int((honest(triggered).argmax(1) == TARGET).sum()) <= 2
    assert float(header("trojaned")["success"]) > 0.95
    assert float(header("trojaned")["success_before"]) < 0.01


def test_they_are_registered_beside_the_zoo() -> None:
    from benchbench.study.spec import StudySpec

    keys = {"datasets": ["shapes"], "methods": ["gradcam"], "metrics": ["iou"]}
    assert not {"zoo_fooled", "zoo_trojaned"} & {c.label for c in StudySpec(models="zoo", **keys).models}
    assert MODELS["zoo_fooled"].title == "Fooled Zoo ResNet"
    assert "Grad-CAM points" in MODELS["zoo_fooled"].summary
