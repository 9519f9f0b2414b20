"""Each planted fault is found and named, and a method without a fault has none."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor, nn

from benchbench.audit.audit_method import audit_method, only_ours
from benchbench.audit.audit_networks import audit_networks
from benchbench.audit.audited_library import AuditedMethod, audited_library
from benchbench.audit.counterparts import KNOWN, Counterpart, counterpart_of
from benchbench.audit.map_differences import difference
from benchbench.audit.method_verdicts import agreement
from benchbench.audit.own_calls import OWN_CALLS
from benchbench.audit.state_left import state_left
from benchbench.errors import BenchError
from benchbench.registry import METHODS
from benchbench.registry import method as registered
from benchbench.results.audit_rows import AuditRow
from benchbench.types import Layer

from . import planted


def row(maps: planted.Maps, ours: str = "gradcam", **more: object) -> AuditRow:
    return audit_method(planted.method(maps, ours, **more), [planted.network()])


def kinds(audited: AuditRow) -> set[str]:
    return {finding.kind for finding in audited.findings}


def test_a_method_without_a_fault_agrees() -> None:
    audited = row(planted.gradcam)
    assert audited.findings == ()
    assert audited.verdict.startswith("agrees")
    assert audited.difference is not None
    assert audited.difference < 1e-5
    assert audited.correlation == pytest.approx(1)
    assert audited.agrees
    assert audited.cost is not None
    assert (audited.cost.forwards, audited.cost.backwards) == (1, 1)
    assert audited.our_cost is not None
    assert audited.our_cost.forwards == 1
    assert audited.cost.peak_bytes > 0
    assert [place.layer for place in audited.places] == ["relu"]


def test_another_formula_is_measured_and_its_cause_named() -> None:
    audited = row(planted.squared, cause="the map is squared", formula=planted.squared)
    assert kinds(audited) == {"formula"}
    ours, theirs = (
        _grown(each(planted.network().fresh(), planted.network().places[0], *_planted_batch())) for each in MAPS
    )
    proven = "another formula: the map is squared (confirmed: that formula agrees exactly; differs by 0."
    assert audited.verdict.startswith(proven)
    assert audited.difference == pytest.approx(float(np.abs(ours - theirs).max()), abs=1e-5)
    correlations = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(ours, theirs, strict=True)]
    assert audited.correlation == pytest.approx(min(correlations), abs=5e-3)  # ours rounds cells to a millionth
    assert row(planted.squared).verdict.startswith("another formula (differs by 0.")


CAUSE = "the map is squared"
OPEN = f"another formula (known cause: {CAUSE}; not confirmed here; differs by 0."
REFUTED = "another formula (not the known one, which is off by "


@pytest.mark.parametrize(
    ("maps", "more", "verdict"),
    [
        (planted.squared, {}, OPEN),
        (planted.squared, {"formula": planted.failing}, OPEN),
        (planted.normalised_by_batch, {"formula": planted.squared}, REFUTED),
    ],
)
def test_a_cause_that_is_not_measured_is_not_said(maps: planted.Maps, more: dict[str, Any], verdict: str) -> None:
    audited = row(maps, cause=CAUSE, **more)
    assert audited.verdict.startswith(verdict)
    (finding,) = (finding for finding in audited.findings if finding.kind == "formula")
    assert finding.size == audited.difference
    assert ("which is not the known one" in finding.parts) == ("not the known one" in verdict)


def test_a_cause_names_the_version_that_it_was_seen_in() -> None:
    method = AuditedMethod("x", planted.squared, Counterpart("gradcam", cause=CAUSE), looked_at="0.5.0")
    assert f"(known cause in 0.5.0: {CAUSE}; " in audit_method(method, [planted.network()]).verdict
    newer = AuditedMethod("x", planted.squared, Counterpart("gradcam"), fault="in 0.5.0 it squares")
    assert "(known: in 0.5.0 it squares; not confirmed here; " in audit_method(newer, [planted.network()]).verdict


PROVEN = [("torchcam", "GradCAMpp"), ("torchcam", "ScoreCAM")]
PROVEN += [("pytorch-grad-cam", "GradCAMPlusPlus"), ("pytorch-grad-cam", "ScoreCAM")]


@pytest.mark.parametrize(("prefix", "name"), PROVEN)
def test_the_known_formula_of_the_installed_version_gives_its_maps(prefix: str, name: str) -> None:
    """Else the library changed, and its cause and its known fault are to be looked for again."""
    (method,) = (method for method in audited_library(prefix).methods if method.name == name)
    audited = audit_method(method, audit_networks(["zoo_residual"], ["layer2"], 2))
    assert re.match(
        r"another formula: .* \(confirmed: that formula agrees (exactly|to 1e-[4-7]); differs by ", audited.verdict
    )


MAPS = (planted.gradcam, planted.squared)


def _grown(maps: Tensor) -> NDArray[np.float64]:
    """(B, 64, 64), each map in 0 .. 1."""
    large = nn.functional.interpolate(maps.double()[:, None], (64, 64), mode="bilinear", align_corners=False)[:, 0]
    low, high = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
    return ((large - low) / (high - low)).numpy()


def _planted_batch() -> tuple[Tensor, Tensor]:
    return planted.network().images, planted.network().classes


def test_a_map_that_depends_on_the_batch() -> None:
    audited = row(planted.normalised_by_batch)
    assert "batch" in kinds(audited)
    assert "depends on the other images of the batch (by " in audited.verdict
    assert audited.alone is not None
    assert audited.alone > 0.01
    assert audited.permuted == 0


def test_a_map_that_depends_on_the_order() -> None:
    audited = row(planted.by_position)
    assert {"batch", "formula"} <= kinds(audited)
    assert audited.permuted is not None
    assert audited.permuted > 0.01


@pytest.mark.parametrize("maps", [planted.noisy, planted.noisy_by_python])
def test_random_maps_are_no_fault_of_the_batch(maps: planted.Maps) -> None:
    audited = row(maps)
    assert {"random", "state"} <= kinds(audited)
    assert "batch" not in kinds(audited)
    assert "two calls differ (by 0." in audited.verdict
    assert "repeats under a seed of the global generators" in audited.verdict
    assert "moves the global random state" in audited.verdict


def test_a_difference_that_noise_hides_is_no_finding_and_no_agreement() -> None:
    audited = row(planted.mostly_noise)
    assert "formula" not in kinds(audited)
    assert audited.verdict.startswith("hidden by its noise: two of its own calls differ as much; ")
    assert not audited.agrees


def test_a_map_of_the_other_sign() -> None:
    audited = row(planted.flipped)
    assert kinds(audited) == {"formula"}
    assert audited.verdict == "leaves the sign of the map open: agrees exactly with one of the two"


def test_a_failure_is_a_row() -> None:
    audited = row(planted.failing)
    assert kinds(audited) == {"fails"}
    assert audited.verdict.startswith("fails: ValueError: no hook")
    assert audited.cost is None
    assert row(planted.failing, "attention-rollout").verdict == "not applicable on these networks"
    assert audited.findings[0].parts == ("small, relu",)


def test_a_refusal_of_ours_is_told_with_its_reason() -> None:
    """The library runs, so that the method is not inapplicable on these networks."""
    audited = row(planted.gradcam, "attention-rollout")
    assert audited.findings == ()
    assert audited.verdict.startswith("benchbench's method does not apply: ")
    assert "attention" in audited.verdict
    (place,) = audited.places
    assert place.reason == audited.verdict
    assert audited.difference is None
    assert audited.cost is not None
    stained = row(planted.normalised_by_batch, "attention-rollout")
    assert "; depends on the other images of the batch" in stained.verdict


def test_a_crash_of_ours_is_told_as_ours() -> None:
    @registered("crashing", needs="activation")
    def crashing(layer: Layer) -> Tensor:
        """It raises."""
        raise ValueError("our fault")

    try:
        audited, both = row(planted.gradcam, "crashing"), row(planted.failing, "crashing")
    finally:
        METHODS.remove("crashing")
    assert audited.verdict.startswith("benchbench's method fails: ValueError: our fault")
    assert audited.findings == ()
    assert audited.places[0].reason.startswith("benchbench's method fails: ValueError: our fault")
    assert both.verdict.startswith("benchbench's method fails: ValueError: our fault")
    assert "; fails: ValueError: no hook" in both.verdict
    assert kinds(both) == {"fails"}


def test_captums_guided_backpropagation_where_ours_does_not_apply() -> None:
    """Its row said that the method does not apply to these networks, though captum runs there."""
    (method,) = (method for method in audited_library("captum").methods if method.name == "GuidedBackprop")
    audited = audit_method(method, audit_networks(["zoo_mobile"], ["features.6"], 2))
    assert audited.verdict.startswith("benchbench's method does not apply: ")


def test_maps_that_are_none_are_failures() -> None:
    audited = row(lambda network, place, images, classes: images)
    assert "the library returned (3, 3, 64, 64), where maps (3, h, w) are needed" in audited.verdict
    endless = row(lambda network, place, images, classes: images[:, 0] * torch.inf)
    assert "its map has values that are not finite" in endless.verdict


def test_without_a_counterpart_the_rest_is_measured() -> None:
    audited = row(planted.normalised_by_batch, "")
    assert audited.verdict.startswith("not in benchbench; depends on the other images")
    assert audited.difference is None
    assert audited.cost is not None
    assert audited.our_cost is None


def test_a_method_of_the_same_name_that_cannot_be_compared_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KNOWN["captum"], "Saliency", Counterpart(note="other features"))
    counterpart = counterpart_of("captum", "Saliency")
    assert (counterpart.method, counterpart.apart) == ("", "saliency")
    audited = audit_method(AuditedMethod("Saliency", planted.gradcam, counterpart), [planted.network()])
    assert audited.verdict == "not compared: benchbench's saliency takes other arguments"
    assert "saliency" not in only_ours([AuditedMethod("Saliency", planted.gradcam, counterpart)])


def test_one_class_per_call() -> None:
    def gradcam_of_a_single_image(network: nn.Module, place: object, images: Tensor, classes: Tensor) -> Tensor:
        assert len(images) == 1
        return planted.gradcam(network, place, images, classes)  # type: ignore[arg-type]

    assert row(gradcam_of_a_single_image, one_class=True).verdict.startswith("agrees")


LEFT: dict[str, Callable[[Any, Any], object]] = {
    "leaves hooks behind": lambda network, _: network.relu.register_forward_hook(lambda *_: None),
    "replaces modules": lambda network, _: setattr(network, "relu", nn.ReLU()),
    "leaves the training mode changed": lambda network, _: network.eval(),
    "leaves .grad changed": lambda network, _: network.zero_grad(),
    "leaves requires_grad changed": lambda network, _: network.requires_grad_(True),
    "changes weights": lambda network, _: network.fc.weight.data.mul_(1.5),
    "changes buffers": lambda network, _: network.stage1[1].running_mean.add_(1),
    "changes the images": lambda _, images: images.data.mul_(2),
    "leaves a gradient on the images": lambda _, images: images.requires_grad_(),
    "moves the global random state": lambda *_: (torch.rand(1), np.random.rand(), random.random()),
    "leaves settings of the process changed": lambda *_: torch.set_grad_enabled(False),
}


@pytest.mark.parametrize("words", LEFT)
def test_each_trace_is_named_alone_and_put_back(words: str) -> None:
    before = torch.random.get_rng_state(), random.getstate(), torch.is_grad_enabled()
    network, images = planted.network().fresh(), planted.network().images
    assert state_left(LEFT[words], network, images) == (words,)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert (random.getstate(), torch.is_grad_enabled()) == before[1:]


def test_traces_in_a_verdict() -> None:
    def leave(network: nn.Module, _images: Tensor) -> None:
        network.eval().zero_grad()
        torch.rand(1)

    audited = row(planted.leaving(leave))
    assert kinds(audited) == {"state"}
    state = "leaves the training mode and .grad changed, moves the global random state"
    assert audited.verdict.endswith(state)


def test_the_negative_part_of_a_library_is_never_cut() -> None:
    """A forgotten ReLU is another formula; a ReLU of the library's own is a convention that ours follows."""
    signed = torch.tensor([[[-1.0, 0.0], [0.5, 1.0]]])
    assert difference(signed, signed.relu(), (2, 2)).largest == pytest.approx(0.5)
    assert difference(signed.relu(), signed, (2, 2)).largest == 0


@pytest.mark.parametrize(
    ("apart", "words"), [(0.0, "exactly"), (4e-7, "to 1e-6"), (1e-9, "to 1e-7"), (1e-4, "to 1e-4")]
)
def test_agreement_in_words(apart: float, words: str) -> None:
    assert agreement(apart) == f"agrees {words}"


@pytest.mark.parametrize("prefix", ["torchcam", "pytorch-grad-cam", "captum", "zennit"])
def test_counterparts_are_methods_of_both(prefix: str) -> None:
    """Else a class was renamed, or a method of ours; and what has no counterpart is named as such."""
    library = audited_library(prefix)
    names = {method.name for method in library.methods}
    assert set(KNOWN[prefix]) | set(OWN_CALLS[prefix]) <= names
    for method in library.methods:
        counterpart = method.counterpart
        assert not counterpart.method or METHODS[counterpart.method].bind(dict(counterpart.params)) is not None
        assert method.run is not None, f"{method.name}: {method.fault}"
        assert counterpart.stated, f"say in KNOWN what {method.name} is compared with, or that it is nothing"
    ours = only_ours(library.methods)
    assert "rise" in ours
    assert "random" not in ours  # a control
    assert not {method.counterpart.method for method in library.methods} & set(ours)


def test_no_method_is_paired_by_its_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """zennit's GuidedBackprop sums the channels, and ours takes the largest: their difference accuses nobody."""
    monkeypatch.delitem(KNOWN["zennit"], "GuidedBackprop")
    counterpart = counterpart_of("zennit", "GuidedBackprop")
    assert (counterpart.method, counterpart.apart, counterpart.stated) == ("", "guidedbackprop", False)
    assert counterpart_of("xplique-torch", "Lime") == Counterpart(apart="lime", stated=False)
    method = AuditedMethod("GuidedBackprop", planted.squared, counterpart)
    audited = audit_method(method, [planted.network()])
    same = "benchbench's guidedbackprop has the same name; nobody compared the two"
    assert audited.verdict == f"no counterpart stated ({same})"
    assert audited.difference is None
    assert audited.cost is not None
    nameless = AuditedMethod("New", None, counterpart_of("zennit", "New"))
    assert audit_method(nameless, []).verdict == "no counterpart stated; not run"


def test_an_audit_of_zennit() -> None:
    """Its guided backpropagation is ours, by the largest magnitude among channels; its other composites are not."""
    methods = {method.name: method for method in audited_library("zennit").methods}
    networks = audit_networks(["zoo_residual"], ["layer3"], 2)
    guided = audit_method(methods["GuidedBackprop"], networks)
    assert guided.ours == "guidedbackprop"
    assert guided.agrees, guided.verdict
    alone = audit_method(methods["EpsilonGammaBox"], networks)
    assert alone.verdict.startswith("not in benchbench"), alone.verdict
    assert alone.cost is not None
    assert methods["EpsilonGammaBox"].label == "EpsilonGammaBox(low=-3.0, high=3.0)"


@pytest.mark.parametrize("name", ["torch-cam", "Grad-CAM", "pytorch_grad_cam", "captum", "zennit"])
def test_libraries_by_other_spellings(name: str) -> None:
    assert audited_library(name).methods


def test_an_unknown_library() -> None:
    with pytest.raises(BenchError, match=r"cannot audit 'torchcm'\. Did you mean 'torchcam'"):
        audited_library("torchcm")


def test_a_method_that_another_version_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a row, and the audit of the others goes on."""
    monkeypatch.setitem(OWN_CALLS["torchcam"], "LostCAM", OWN_CALLS["torchcam"]["RefineCAM"])
    lost = next(method for method in audited_library("torchcam").methods if method.name == "LostCAM")
    assert lost.run is None
    audited = audit_method(lost, [planted.network()])
    assert audited.verdict == "no counterpart stated; not run"
    assert "has no LostCAM" in audited.note


def test_the_label_names_arguments_that_are_not_the_default() -> None:
    labels = {method.name: method.label for method in audited_library("torchcam").methods}
    assert labels["SSCAM"] == "SSCAM(num_samples=2)"
    assert labels["GradCAM"] == "GradCAM"
