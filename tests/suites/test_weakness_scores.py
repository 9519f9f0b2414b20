"""The scores of trained networks' maps by hand, the saturating head, the fusion, and the sentences of findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchbench.errors import BenchError
from benchbench.suites.mask_precision import average_precision
from benchbench.suites.shown_names import ShownNames
from benchbench.suites.verdict_rows import absent_row, exact_row
from benchbench.suites.weaknesses import WEAKNESSES
from benchbench.suites.weaknesses.layer_depth import fused
from benchbench.suites.weaknesses.map_scores import balance, localisation, selection
from benchbench.suites.weaknesses.questions import INSTANCES, PLANTED, QUESTIONS
from benchbench.suites.weaknesses.saturation import SaturatingHead, log_odds, saturating
from benchbench.suites.weaknesses.scenes import ShownScene, scenes
from benchbench.suites.weaknesses.tables import repairs_table
from benchbench.suites.weaknesses.weakness_findings import WeaknessVerdicts, findings, sentence
from benchbench.types import Preprocess, Sample


def scene(*deciding: list[int], distracting: list[int] | None = None) -> ShownScene:
    """A scene of 4 x 4 pixels with instances on the named ones, counted in rows."""

    def on(pixels: list[int]) -> Tensor:
        mask = torch.zeros(16, dtype=torch.bool)
        mask[pixels] = True
        return mask.view(4, 4)

    masks = torch.stack([on(pixels) for pixels in deciding])
    return ShownScene("one", torch.zeros(3, 4, 4), 1, masks.any(0), masks, on(distracting or []))


def heights(**pixels: float) -> Tensor:
    """A map of 4 x 4 that is 0 but on the named pixels, such as p3=0.5."""
    values = torch.zeros(16)
    for name, value in pixels.items():
        values[int(name[1:])] = value
    return values.view(4, 4)


def test_the_balance_of_two_instances() -> None:
    """Means 1 and (0.4 + 0.8) / 2 on the instances, 3.9 / 13 outside: 0.3 / 0.7."""
    elsewhere = {f"p{k}": 0.3 for k in range(3, 16)}
    shown = heights(p0=1, p1=0.4, p2=0.8, **elsewhere)
    assert balance(shown, scene([0], [1, 2])) == pytest.approx(0.3 / 0.7, abs=1e-6)
    assert balance(torch.ones(4, 4), scene([0], [1, 2])) == 0
    assert balance(heights(p0=1), scene([0], [1, 2])) == 0
    assert balance(shown, scene([0, 1, 2])) is None


def test_the_selection_among_figures_knows_their_sizes() -> None:
    """A mean of 1 on three pixels against 1/4 on one: 0.8. Equal heights are chance, whatever the sizes."""
    known = scene([0, 1], [2], distracting=[15])
    assert selection(heights(p0=1, p1=1, p2=1, p15=0.25), known) == pytest.approx(0.8)
    assert selection(torch.ones(4, 4), known) == 0.5
    assert selection(torch.zeros(4, 4), known) == 0
    assert selection(torch.ones(4, 4), scene([0])) is None


def test_localisation_is_the_gain_on_a_random_order() -> None:
    """Of two pixels of 16 the first is found at once, the second as the fourth: AP = (1 + 2/4) / 2."""
    shown = heights(p0=1, p5=0.9, p6=0.8, p1=0.7)
    assert average_precision(shown, scene([0, 1]).mask) == pytest.approx(0.75)  # type: ignore[arg-type]
    assert localisation(shown, scene([0, 1])) == pytest.approx((0.75 - 2 / 16) / (14 / 16))
    assert localisation(torch.zeros(4, 4), scene([0, 1])) == 0


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=16, max_size=16), st.integers(1, 2**16 - 2))
def test_average_precision_is_the_sum_over_thresholds(values: list[int], bits: int) -> None:
    mask = torch.tensor([bool(bits >> k & 1) for k in range(16)]).view(4, 4)
    levels, total, before = torch.tensor(values).view(4, 4) / 4, 0.0, 0.0
    for level in sorted(set(levels.flatten().tolist()), reverse=True):
        shown = levels >= level
        recall = float((shown & mask).sum() / mask.sum())
        total += float((shown & mask).sum() / shown.sum()) * (recall - before)
        before = recall
    assert average_precision(levels, mask) == pytest.approx(total, abs=1e-6)


def test_the_fusion_is_layer_cams() -> None:
    """Two stages: the shallow one becomes tanh(2 M), the deepest stays. Of five, three are shallow."""
    stages = [torch.full((2, 2), value) for value in (0.5, 0.7)]
    assert float(fused(stages)[0, 0]) == pytest.approx(float(torch.tanh(torch.tensor(1.0))))
    five = [torch.full((2, 2), value) for value in (0.0, 0.0, 0.1, 0.6, 0.2)]
    assert float(fused(five)[0, 0]) == pytest.approx(0.6)
    assert float(fused([torch.full((2, 2), 0.4)])[0, 0]) == pytest.approx(0.4)


class Means(nn.Module):
    """Two logits: twice the mean of the first channel, and 0."""

    def forward(self, images: Tensor) -> Tensor:
        first = 2 * images[:, 0].mean((1, 2))
        return torch.stack([torch.zeros_like(first), first], 1)


def test_the_head_saturates_and_falls_in_proportion() -> None:
    """The log-odds of class 1 are 2 <A>: 2 in an image of ones, so s = 1 and y = min(1, 2 <A>)."""
    head = SaturatingHead(Means(), 1, 2.0)
    image = torch.ones(1, 3, 4, 4, requires_grad=True)
    assert head(image).tolist() == [[1, 0]]
    (slope,) = torch.autograd.grad(head(image)[0, 0], image)
    assert not slope.any()
    for share in (0.75, 0.5, 0.25, 0.0):
        assert float(head(share * image.detach())[0, 0]) == pytest.approx(min(1, 2 * share), abs=1e-6)


def test_log_odds_are_those_of_the_softmax() -> None:
    logits = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.0, 0.0]])
    for label in range(3):
        expected = torch.logit(torch.softmax(logits.double(), 1)[:, label]).float()
        torch.testing.assert_close(log_odds(logits, label), expected)


def test_heads_are_for_images_that_the_network_gets_right() -> None:
    right, wrong = torch.ones(3, 4, 4), -torch.ones(3, 4, 4)
    known = [
        ShownScene(name, image, label, torch.eye(4, dtype=torch.bool) if masked else None, None, None)
        for name, image, label, masked in [
            *(("wrong", wrong, 1, True), ("no mask", right, 1, False), ("no label", right, None, True)),
            *(("other class", right, 7, True), ("right", right, 1, True), ("last", right, 1, True)),
        ]
    ]
    assert [each.sample for each, _ in saturating(Means(), known, 5)] == ["right", "last"]
    assert [each.sample for each, _ in saturating(Means(), known, 1)] == ["right"]


def planted_verdicts() -> WeaknessVerdicts:
    """Two methods of our own, with Grad-CAM's true scores: ``good`` passes all planted cases, ``poor`` none."""
    base = dict.fromkeys(WEAKNESSES, 0.0) | {"interaction": 1.0}
    rows: list[dict[str, Any]] = [
        exact_row(PLANTED[name], method, float(method == "good"))
        for name in WEAKNESSES
        for method in ("good", "poor", "fakecam")
    ]
    rows += [absent_row(PLANTED[name], "cam", "no pooled head") for name in WEAKNESSES]
    for layer, score in (("early", 0.9), ("late", 0.1)):
        rows.append(exact_row(INSTANCES, "good", score, model="net", dataset="val", layer=layer))
    shown = {"good": "Good-CAM", "poor": "Poor-CAM", "cam": "CAM", "fakecam": "Fake-CAM"}
    titles = ShownNames(shown, {"net": "Net"}, {"val": "Validation"})
    return WeaknessVerdicts(pd.DataFrame(rows), base, ["good", "poor", "cam"], ["fakecam"], {"net": "late"}, titles)


def test_findings_are_made_of_the_verdicts() -> None:
    known = planted_verdicts()
    lines = findings(known)
    assert "“Saturation”: Grad-CAM fails with 0.00 (threshold 0.75). Good-CAM passes." in lines
    assert "“Interaction”: Grad-CAM passes with 1.00, but Poor-CAM fails." in lines
    cases = "“Several instances” and “Several instances, pooled”"
    assert (
        f"Good-CAM passes {cases} but fails “Several instances, trained” in 1 of 1 trained network: Net (0.10)."
        in lines
    )
    assert (
        f"“Several instances, trained”, last layers: the methods that pass {cases} (Good-CAM) pass in 0 of 1 case and "
        "fail in 1; 0 are not clear." in lines
    )
    assert sentence(known) == (
        "Grad-CAM fails 9 of 10 planted tests of known weaknesses; of these 9, Good-CAM passes the most (9), and each "
        "of them is passed by some other method. In trained networks (Net, last layer, 1 image of Validation), methods "
        "that pass a planted test pass the same question in 0 of 1 case and fail in 1; 0 are not clear."
    )


def test_no_sentence_has_a_key_for_a_name() -> None:
    known = planted_verdicts()
    words = [sentence(known), *findings(known), *repairs_table(known).rows.astype(str).to_numpy().flatten()]
    for text in words:
        assert not {"good", "poor", "cam", "fakecam", "net", "val"} & set(text.replace(",", " ").split())


def test_where_nobody_passes_the_sentence_says_so() -> None:
    known = planted_verdicts()
    start = "Grad-CAM fails 9 of 10 planted tests of known weaknesses, "
    lost = f"{start}and no other method of this run passes any of these 9."
    assert sentence(replace(known, methods=["poor"])).startswith(lost)


def test_repairs_name_who_passes_and_who_fails() -> None:
    row = repairs_table(planted_verdicts()).rows.set_index("case").loc["Cancellation"]
    assert (row["gradcam_passes"], row["passes"], row["fails"]) == ("no", "Good-CAM", "Poor-CAM")


def test_a_control_that_passes_is_told() -> None:
    known = planted_verdicts()
    rows = known.rows.copy()
    rows.loc[(rows["method"] == "fakecam") & (rows["question"] == "saturation"), "passes"] = True
    lines = findings(replace(known, rows=rows))
    assert any(line.startswith("The control Fake-CAM passes “Saturation” at least once:") for line in lines)


def test_questions_are_whole() -> None:
    assert len({question.name for question in QUESTIONS}) == len(QUESTIONS) == 14
    for question in QUESTIONS:
        assert question.range[0] < question.threshold < question.range[1]
        assert question.text.endswith(".")
        assert question.source


class OwnScenes:
    """Somebody's data set of one image of 4 x 4, with instances of our own making."""

    name, ids = "own", ("only",)
    about: ClassVar[Mapping[str, str]] = {}

    def __init__(self, instances: Any) -> None:
        self.instances = instances

    def __getitem__(self, index: int) -> Sample:
        return Sample("only", torch.zeros(3, 4, 4), 1, torch.eye(4, dtype=torch.bool))

    def fingerprint(self, index: int) -> str:
        return "1"


def shown(instances: Any) -> ShownScene:
    data = OwnScenes(instances)
    model = SimpleNamespace(preprocess=Preprocess(resize=4, crop=4))
    shard = SimpleNamespace(ids=("only",), indices=(0,), dataset=data, dataset_name="own", model=model)
    known = scenes(SimpleNamespace(tasks=[SimpleNamespace(shard=shard)]), "own")  # type: ignore[arg-type]
    return known["only"]


def test_anybodys_instances_are_read_and_what_is_none_is_told() -> None:
    def instance(pixel: int, decides: bool) -> Any:
        return SimpleNamespace(mask=scene([pixel]).deciding[0], decides=decides)  # type: ignore[index]

    known = shown(lambda index: [instance(0, True), instance(3, False), instance(5, True)])
    assert known.deciding is not None
    assert known.distracting is not None
    assert known.deciding.flatten(1).nonzero().tolist() == [[0, 0], [1, 5]]
    assert known.distracting.flatten().nonzero().tolist() == [[3]]
    assert shown(["a list"]).deciding is None
    assert shown(lambda index: []).deciding is None
    with pytest.raises(BenchError, match=r"image only: instances\(\) of the data set fails.*It must return records"):
        shown(lambda index: [3])
