"""``--suite theorem``: CAM, its equals and its closed form on networks whose answer is known by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.network.capture import capture
from benchbench.registry import method
from benchbench.results.suite_answer import SuiteAnswer
from benchbench.suites.shown_names import ShownNames
from benchbench.suites.theorem import compared_maps, layer_facts, words
from benchbench.suites.theorem.compared_maps import SILENT, gap_of
from benchbench.suites.theorem.obstacles import obstacle

from ..networks import Flat, Pooled, seeded

METHODS = ["cam", "gradcam", "gradcam++", "xgradcam", "hirescam", "layercam", "random", "uniform", "center", "sobel"]
CONTROLS = ["random", "uniform", "center", "sobel"]
LAST, FLAT = {"pooled": "relu", "flat": "features"}, 8


def positive(network: Pooled) -> Pooled:
    """With weights of the linear layer that leave some cells of every class's map above 0."""
    with torch.no_grad():
        network.fc.weight[:, :5].abs_()
    return network


@pytest.fixture(scope="module")
def shown(images: Tensor) -> Tensor:
    return images[:4, :, :32, :32].contiguous()


@pytest.fixture(scope="module")
def pooled() -> Pooled:
    return positive(seeded(Pooled))


@pytest.fixture(scope="module")
def answer(pooled: Pooled, shown: Tensor, tmp_path_factory: pytest.TempPathFactory) -> SuiteAnswer:
    networks = {"pooled": pooled, "flat": seeded(lambda: Flat(side=FLAT))}
    return asked(networks, shown, tmp_path_factory.mktemp("theorem"), METHODS)


def asked(networks: dict[str, nn.Module], images: Tensor, folder: Path, methods: list[Any], **keys: Any) -> SuiteAnswer:
    study = {"models": networks, "datasets": {"val": (images, [0] * len(images))}, "methods": methods, "workers": 0}
    suite_answer = bb.Study(**{"suite": "theorem", **study, **keys}).run(folder / "run", report=False).answer()
    assert suite_answer is not None
    return suite_answer


def rows(answer: SuiteAnswer, question: str, model: str, layer: str) -> Any:
    v = answer.verdicts
    return v[(v["question"] == question) & (v["model"] == model) & (v["layer"] == layer)].set_index("method")


def by_hand(network: Pooled, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """CAM after ReLU and Grad-CAM++'s closed form, (h, w) of each image, from the network's own modules."""
    with torch.no_grad():
        features = network.relu(network.conv(network.stage1(images))).double()
        weight = network.fc.weight.double()[network(images).argmax(1)]
    cams = [F.relu((w[:, None, None] * a).sum(0)) for w, a in zip(weight, features, strict=True)]
    shares = [F.relu(w) / (2 + w * a.mean((1, 2))) for w, a in zip(weight, features, strict=True)]
    return cams, [F.relu((s[:, None, None] * a).sum(0)) for s, a in zip(shares, features, strict=True)]


def scaled(saliency: Tensor) -> Tensor:
    large = F.interpolate(saliency[None, None], size=(32, 32), mode="bilinear", align_corners=False)[0, 0]
    return (large - large.min()) / (large.max() - large.min())


def test_on_a_pooled_head_grad_cam_is_cam_and_plus_plus_its_closed_form(
    answer: SuiteAnswer, pooled: Pooled, shown: Tensor
) -> None:
    cams, closed = by_hand(pooled, shown)
    gap = max(float((scaled(a) - scaled(b)).abs().max()) for a, b in zip(cams, closed, strict=True))
    assert gap > 0.01
    cam, form = rows(answer, "cam", "pooled", "relu"), rows(answer, "closed form", "pooled", "relu")
    for name in ("cam", "gradcam", "xgradcam", "hirescam"):
        assert cam.loc[name, "score"] == pytest.approx(1, abs=1e-6)
        assert form.loc[name, "score"] == pytest.approx(1 - gap, abs=1e-6)
    assert cam.loc["gradcam++", "score"] == pytest.approx(1 - gap, abs=1e-6)
    assert form.loc["gradcam++", "score"] == pytest.approx(1, abs=1e-6)
    assert set(cam.index[cam["passes"].fillna(False)]) == {"cam", "gradcam", "xgradcam", "hirescam"}
    assert set(form.index[form["passes"].fillna(False)]) == {"gradcam++"}


@pytest.mark.parametrize("question", ["cam", "contribution", "closed form"])
def test_every_control_fails(question: str, answer: SuiteAnswer) -> None:
    table = answer.verdicts[(answer.verdicts["question"] == question) & answer.verdicts["method"].isin(CONTROLS)]
    known = table[table["status"] == "ok"]
    assert set(known["method"]) == set(CONTROLS)
    assert not known["passes"].any()


def test_a_network_that_is_not_pooled_fails(answer: SuiteAnswer) -> None:
    cam, local = (rows(answer, question, "flat", "features") for question in ("cam", "contribution"))
    assert set(cam["status"]) == {"not_applicable"}
    assert cam.loc["gradcam", "reason"].endswith("the head flattens the map, so that each cell has weights of its own")
    assert local.loc["hirescam", "score"] == pytest.approx(1, abs=1e-6)
    assert bool(local.loc["hirescam", "passes"])
    assert not bool(local.loc["gradcam", "passes"])
    assert local.loc["gradcam", "score"] < 0.9
    assert rows(answer, "closed form", "flat", "features").empty


def test_the_layers_say_where_cam_is_defined(answer: SuiteAnswer) -> None:
    table: Any = answer.tables[0].rows.set_index(["model", "layer"])
    assert table["defined"].to_dict() == {
        ("pooled", "stage1"): "no",
        ("pooled", "relu"): "yes",
        ("flat", "features.1"): "no",
        ("flat", "features"): "no",
    }
    assert table.loc[("pooled", "relu"), "spread"] < 1e-12
    assert table.loc[("pooled", "relu"), "lost"] < 1e-6
    assert table.loc[("flat", "features"), "spread"] > 0.5  # random weights: their mean is near 0
    assert table.loc[("pooled", "stage1"), "why"] == "it is not the last map: 1 convolution follows"


def test_the_sentence_counts_networks_and_layers(answer: SuiteAnswer) -> None:
    start = (
        "On 4 images of val, CAM is defined at 1 of 4 layers of 2 networks (pooled at relu), and Grad-CAM equals CAM "
        "there (largest difference "
    )
    assert answer.sentence.startswith(start)
    assert (
        "At the 3 layers without a CAM, Grad-CAM differs from each cell's contribution (gradient x" in answer.sentence
    )
    assert any(text.startswith("HiResCAM equals CAM at 1 of 1 layer, each cell's") for text in answer.findings)
    assert any(text.startswith("flat has no CAM at its last layer, features: the head") for text in answer.findings)


def fact(layer: str, obstacle: str) -> layer_facts.LayerFacts:
    return layer_facts.LayerFacts("zoo_vit", "shapes", layer, obstacle, truths={"a": {}, "b": {}}, spread={"a": 0.25})


def test_sentences_have_display_names() -> None:
    shown = ShownNames({"gradcam": "Grad-CAM", "layercam": "Layer-CAM"}, {"zoo_vit": "Zoo ViT"}, {"shapes": "Shapes"})
    facts = [fact("early", ""), fact("middle", ""), fact("late", "a ReLU follows")]
    gaps = {"early": 1e-7, "middle": 0.3, "late": 0.2}
    place: dict[str, Any] = {"model": "zoo_vit", "dataset": "shapes", "method": "gradcam", "n": 2, "alike": 0.9}
    pairs = [
        compared_maps.ComparedMaps(question=question, layer=layer, gap=gap, **place)
        for question in ("cam", "contribution")
        for layer, gap in gaps.items()
        if (question, layer) != ("cam", "late")
    ]
    assert words.sentence(facts, pairs, shown, 1e-5) == (
        "On 2 images of Shapes, CAM is defined at 2 of 3 layers of 1 network (Zoo ViT at early and Zoo ViT at middle), "
        "and Grad-CAM equals CAM at 1 of them (largest difference 1e-07, tolerance 1e-05; elsewhere it differs by "
        "0.3). At the 1 layer without a CAM, Grad-CAM differs from each cell's contribution (gradient x activation) by "
        "0.2 (maps in [0, 1])."
    )
    never = words.sentence(facts, pairs, shown, 1e-8)
    assert "and Grad-CAM does not equal CAM at any of them (it differs by 1e-07 to 0.3)." in never
    assert list(words.findings(facts, pairs, shown, 1e-5)) == [
        "Grad-CAM equals CAM at 1 of 2 layers (largest difference elsewhere 0.3) and each cell's contribution at 1 of "
        "3 layers (largest difference elsewhere 0.2 to 0.3).",
        "Layer-CAM has no map to compare.",
        "Zoo ViT has no CAM at its last layer, late: a ReLU follows. The gradient differs from cell to cell: its mean "
        "over space, which Grad-CAM takes, lacks 25% of its energy.",
    ]


def test_the_chart_has_the_layers_from_the_last_one_back(answer: SuiteAnswer) -> None:
    table = next(each.rows for each in answer.tables if each.name == "equalities")
    places = table[["model", "layer", "from_last"]].drop_duplicates()
    assert [tuple(row) for row in places.itertuples(index=False)] == [
        ("pooled", "relu", "last"),
        ("flat", "features", "last"),
        ("pooled", "stage1", "1 before"),
        ("flat", "features.1", "1 before"),
    ]


@pytest.mark.usefixtures("planted")
def test_ones_own_method_and_tolerance(pooled: Pooled, shown: Tensor, tmp_path: Path) -> None:
    @method("nearly", needs="gradient")
    def nearly(layer: Any) -> Tensor:
        maps = torch.relu((layer.gradient.mean((2, 3), keepdim=True) * layer.activation).sum(1))
        return maps + 1e-3 * maps.amax((1, 2), keepdim=True) * (maps > maps.mean((1, 2), keepdim=True))

    for tolerance, passes in ((1e-5, False), (0.1, True)):
        suite = {"name": "theorem", "tolerance": tolerance}
        folder = tmp_path / str(passes)
        suite_answer = asked({"n": pooled}, shown[:2], folder, ["nearly", "center"], suite=suite, layers="last")
        assert bool(rows(suite_answer, "cam", "n", "relu").loc["nearly", "passes"]) is passes
        assert not rows(suite_answer, "cam", "n", "relu").loc["center", "passes"]
        assert f"nearly {'equals CAM there' if passes else 'does not equal CAM there'} (" in suite_answer.sentence


def test_where_cam_says_nothing_no_map_is_its_equal(shown: Tensor, tmp_path: Path) -> None:
    network = seeded(Pooled)
    with torch.no_grad():
        network.fc.weight.abs_().neg_()  # every cell speaks against every class
    suite_answer = asked({"n": network}, shown[:2], tmp_path, ["cam", "uniform"], layers="last")
    assert rows(suite_answer, "cam", "n", "relu")["reason"].to_dict() == {"cam": SILENT, "uniform": SILENT}


def test_methods_without_a_layer_are_refused(pooled: Pooled, shown: Tensor, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no layer to compare at"):
        asked({"n": pooled}, shown[:2], tmp_path, ["sobel"])


def test_the_gap_of_two_maps() -> None:
    truth = torch.tensor([[0.0, 1.0], [2.0, 4.0]])
    assert gap_of(3 * truth - 2 * (truth == 0), truth, (2, 2)) == (0.0, 1.0)  # the ReLU, and the scale
    assert gap_of(torch.ones(2, 2), truth, (2, 2)) == (1.0, 0.0)
    assert gap_of(truth, torch.zeros(2, 2), (2, 2)) is None
    gap = gap_of(torch.tensor([[0.0, 1.0], [3.0, 4.0]]), truth, (2, 2))
    assert gap is not None
    assert gap[0] == pytest.approx(0.25)
    assert gap[1] == pytest.approx(float(np.corrcoef([0, 1, 3, 4], [0, 1, 2, 4])[0, 1]))


class Behind(nn.Module):
    """A convolution, and a function of its map behind it."""

    def __init__(self, *modules: nn.Module, bend: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.map, self.rest, self.bend = nn.Conv2d(3, 4, 3, 2, 1), nn.Sequential(*modules), bend

    def forward(self, images: Tensor) -> Tensor:
        features = self.map(images)
        logits: Tensor = self.rest(features if self.bend is None else self.bend(features))
        return logits


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.map, self.mix, self.fc = nn.Conv2d(3, 4, 4, 4), nn.MultiheadAttention(4, 1), nn.Linear(4, 3)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.map(images).flatten(2).permute(2, 0, 1)
        logits: Tensor = self.fc(self.mix(tokens, tokens, tokens)[0].mean(0))
        return logits


def head(*between: nn.Module, pool: nn.Module | None = None) -> list[nn.Module]:
    return [*between, pool or nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: Behind(nn.Flatten(), nn.Linear(256, 3)), "the head flattens the map"),
        (
            lambda: Behind(nn.Flatten(), nn.Linear(256, 4), nn.Tanh(), nn.Linear(4, 3)),
            "weights of its own, and 2 linear layers follow, not one",
        ),
        (lambda: Behind(*head()[:2], nn.Linear(4, 4), nn.Linear(4, 3)), "2 linear layers follow, not one"),
        (lambda: Behind(*head(nn.BatchNorm2d(4), nn.ReLU())), "BatchNorm2d and ReLU between the layer and the linear"),
        (lambda: Behind(*head(pool=nn.AdaptiveMaxPool2d(1))), "AdaptiveMaxPool2d between"),
        (lambda: Behind(*head(), bend=torch.relu), "a ReLU between the layer and its pooling"),
        (
            lambda: Behind(nn.Flatten(), nn.Linear(4, 3), bend=lambda features: features.amax((2, 3))),
            "max pooling, not average pooling, behind it",
        ),
        (lambda: Behind(*head(nn.Conv2d(4, 4, 1))), "it is not the last map: 1 convolution follows"),
        (lambda: Behind(nn.AdaptiveAvgPool2d(1), nn.Flatten()), "the network does not end in a linear layer"),
        (Attending, "it is a layer of a transformer, whose cells are mixed again: 1 attention follows"),
        (lambda: Behind(*head(), bend=torch.square), ""),  # what no rule knows is left to the head's own reason
    ],
)
def test_what_stands_between_is_said_in_words(build: Callable[[], nn.Module], expected: str, images: Tensor) -> None:
    network, shown = seeded(build), images[:1, :, :16, :16]
    seen = capture(network, shown, ["map"], lambda logits: logits.argmax(1))
    text = obstacle(network, shown, "map", seen)
    assert expected in text
    assert bool(text) is bool(expected)


def test_a_score_of_ones_own_has_no_cam(pooled: Pooled, shown: Tensor, tmp_path: Path) -> None:
    """The pooled map has no negative values, so that a ReLU behind it is nothing to speak of."""
    network = bb.scored(pooled, lambda logits: logits[:, 0] - logits[:, 1])
    suite_answer = asked({"n": network}, shown[:2], tmp_path, ["gradcam", "center"], layers="last")
    cam, local = (rows(suite_answer, question, "n", "relu") for question in ("cam", "contribution"))
    assert "the network does not end in a linear layer" in cam.loc["gradcam", "reason"]
    assert local.loc["gradcam", "score"] == pytest.approx(1, abs=1e-6)
    assert not local.loc["center", "passes"]
