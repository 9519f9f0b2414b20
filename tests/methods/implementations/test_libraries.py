"""Each library's methods: equal to the library called by hand, and to ours where the two agree."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import captum.attr
import numpy as np
import pytest
import pytorch_grad_cam
import torch
import torchcam.methods
import zennit.attribution
import zennit.canonizers
import zennit.composites
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from benchbench.engine.model_survey import method_cautions
from benchbench.engine.provenance import describe
from benchbench.errors import BenchError, NotApplicable
from benchbench.maps.normalise import minmax, upsample
from benchbench.methods.implementations.implementation import LibraryMethod
from benchbench.registry import METHODS
from benchbench.study.spec import StudySpec
from benchbench.types import LibraryCall
from benchbench.types.token_grid import Layout

from ...helpers import map_of
from ...narrow import narrow
from ...networks import Vit, calibrated, seeded

LAYER, TARGETS = "layer4", torch.tensor([1, 3])
TOKENS = "encoder.layers.encoder_layer_1.ln_1"


@cache
def network() -> nn.Module:
    resnet = calibrated(narrow("resnet18", 5), side=64)
    resnet.fc.weight.data *= 10  # type: ignore[operator, union-attr]
    return resnet


def library_map(name: str, images: Tensor, layer: str = LAYER, **params: Any) -> Tensor:
    return map_of(name, network(), images[:2], layer, TARGETS, **params)


def by_torchcam(kind: Any, images: Tensor, *, normalized: bool, **named: Any) -> Tensor:
    maps = []
    for image, target in zip(images[:2], TARGETS, strict=True):
        with kind(network(), LAYER, **named) as extractor:
            maps.append(extractor([int(target)], network()(image[None]), normalized=normalized)[0].detach())
    return torch.cat(maps)


@pytest.mark.parametrize("name", ["GradCAM", "GradCAMpp", "LayerCAM", "XGradCAM", "ScoreCAM", "CAM", "FinerCAM"])
@pytest.mark.parametrize("raw", [False, True])
def test_torchcam_is_the_librarys_own_map(name: str, raw: bool, images: Tensor) -> None:
    expected = by_torchcam(getattr(torchcam.methods, name), images, normalized=not raw)
    maps = library_map(f"torchcam:{name}", images, raw=raw)
    assert maps.shape == (2, 2, 2)
    assert torch.allclose(maps, expected, atol=1e-5)
    assert bool((maps.amax((1, 2)) > (0.99 if not raw else 0)).all())


@pytest.mark.parametrize(("name", "ours"), [("GradCAM", "gradcam"), ("LayerCAM", "layercam"), ("XGradCAM", "xgradcam")])
def test_torchcam_and_ours_agree(name: str, ours: str, images: Tensor) -> None:
    maps, expected = library_map(f"torchcam:{name}", images, raw=True), library_map(ours, images).clamp_min(0)
    assert torch.allclose(maps, expected, atol=1e-5 * float(expected.max()))


def test_torchcams_grad_cam_pp_is_another_formula(images: Tensor) -> None:
    """Its weights are the sum of g^2 ReLU(g): its known fault, which listings and each run of it name."""
    plugin = METHODS["torchcam:GradCAMpp"]
    maps = minmax(library_map("torchcam:GradCAMpp", images, raw=True))
    assert not torch.allclose(maps, minmax(library_map("gradcam++", images)), atol=1e-2)
    assert "g^2 ReLU(g)" in plugin.note
    assert plugin.note in plugin.summary
    study = StudySpec(models=["resnet18"], datasets=["shapes"], metrics=["deletion"], methods=["torchcam:GradCAMpp"])
    assert describe(study, [], {}, [])["methods"][0]["note"] == plugin.note
    assert f"torch-cam GradCAMpp: {plugin.note}" in method_cautions(study)


def test_parameters_reach_the_library(images: Tensor) -> None:
    """One noisy sample of no noise gives the plain Score-CAM; more noise gives another map."""
    plain = library_map("torchcam:ScoreCAM", images, raw=True)
    quiet = library_map("torchcam:SSCAM", images, raw=True, num_samples=1, std=1e-6)
    assert torch.allclose(plain, quiet, atol=1e-4)
    assert not torch.allclose(plain, library_map("torchcam:SSCAM", images, raw=True, num_samples=1), atol=1e-4)
    layered = library_map("torchcam:FinerCAM", images, raw=True, gamma=0.0, base_method="LayerCAM")
    assert torch.allclose(layered, library_map("torchcam:LayerCAM", images, raw=True), atol=1e-5)


def by_grad_cam(name: str, images: Tensor, **named: Any) -> Tensor:
    maps = []
    for image, target in zip(images[:2], TARGETS, strict=True):
        with getattr(pytorch_grad_cam, name)(network(), [network().get_submodule(LAYER)]) as cam:
            maps.append(cam(input_tensor=image[None], targets=[ClassifierOutputTarget(int(target))], **named))
    return torch.from_numpy(np.concatenate(maps))


@pytest.mark.parametrize("name", ["GradCAM", "GradCAMPlusPlus", "LayerCAM", "EigenCAM", "ScoreCAM", "AblationCAM"])
def test_pytorch_grad_cam_is_the_librarys_own_map(name: str, images: Tensor) -> None:
    maps = library_map(f"pytorch-grad-cam:{name}", images)
    assert maps.shape == (2, 64, 64)
    assert torch.allclose(maps, by_grad_cam(name, images), atol=1e-5)


@pytest.mark.parametrize(("name", "ours"), [("GradCAM", "gradcam"), ("HiResCAM", "hirescam"), ("LayerCAM", "layercam")])
def test_pytorch_grad_cam_and_ours_agree(name: str, ours: str, images: Tensor) -> None:
    expected = library_map(ours, images).clamp_min(0)
    raw = library_map(f"pytorch-grad-cam:{name}", images, raw=True)
    assert torch.allclose(raw, expected, atol=1e-5 * float(expected.max()))
    shown = library_map(f"pytorch-grad-cam:{name}", images)
    assert torch.allclose(shown, minmax(upsample(minmax(expected)[:, None], (64, 64))[:, 0]), atol=1e-3)


def test_pytorch_grad_cam_takes_its_calls_parameters_too(images: Tensor) -> None:
    assert torch.allclose(
        library_map("pytorch-grad-cam:GradCAM", images, eigen_smooth=True),
        by_grad_cam("GradCAM", images, eigen_smooth=True),
        atol=1e-5,
    )
    smaller = library_map("pytorch-grad-cam:ScoreCAM", images, batch_size=8)
    assert torch.allclose(smaller, library_map("pytorch-grad-cam:ScoreCAM", images), atol=1e-5)


def test_finer_cam_explains_the_studys_class(images: Tensor) -> None:
    """By itself it explains the most likely class. Without a comparison it is Grad-CAM of the class."""
    expected = library_map("pytorch-grad-cam:GradCAM", images)
    assert torch.allclose(library_map("pytorch-grad-cam:FinerCAM", images, alpha=0), expected, atol=1e-4)


def test_finer_cam_takes_the_papers_alpha(images: Tensor) -> None:
    maps = library_map("pytorch-grad-cam:FinerCAM", images, alpha=0.6)
    for i, target in enumerate(TARGETS.tolist()):
        with pytorch_grad_cam.FinerCAM(network(), [network().get_submodule(LAYER)]) as cam:
            expected = torch.from_numpy(cam(input_tensor=images[i : i + 1], target_idx=target, alpha=0.6))
        assert torch.allclose(maps[i : i + 1], expected, atol=1e-5)
    assert not torch.allclose(maps, library_map("pytorch-grad-cam:FinerCAM", images, alpha=1), atol=1e-3)


def by_captum(name: str, images: Tensor, layer: str = "", **named: Any) -> Tensor:
    kind = getattr(captum.attr, name)
    attribution = kind(network(), network().get_submodule(layer)) if layer else kind(network())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        maps: Tensor = attribution.attribute(images[:2].clone().requires_grad_(), target=TARGETS, **named).detach()
    return maps.sum(1)


@pytest.mark.parametrize(
    ("name", "layer", "params"),
    [
        ("Saliency", "", {}),
        ("InputXGradient", "", {}),
        ("IntegratedGradients", "", {"n_steps": 5}),
        ("LayerGradCam", LAYER, {}),
        ("LayerGradientXActivation", LAYER, {}),
        ("LayerConductance", LAYER, {"n_steps": 4}),
    ],
)
def test_captum_is_the_librarys_own_attribution(name: str, layer: str, params: dict[str, Any], images: Tensor) -> None:
    expected = by_captum(name, images, layer, **params)
    maps = library_map(f"captum:{name}", images, **params, sign="signed")
    assert maps.shape == ((2, 2, 2) if layer else (2, 64, 64))
    assert torch.allclose(maps, expected, atol=1e-5 * float(expected.abs().max()))
    positive = library_map(f"captum:{name}", images, **params)
    assert torch.allclose(positive, expected.clamp_min(0), atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize(
    ("name", "params", "ours", "own_params"),
    [
        ("LayerGradCam", {}, "gradcam", {}),
        ("InputXGradient", {"sign": "signed"}, "inputxgradient", {"sign": "signed"}),
        ("Occlusion", {"window": 32, "stride": 32, "sign": "signed"}, "occlusion", None),
    ],
)
def test_captum_and_ours_agree(
    name: str, params: dict[str, Any], ours: str, own_params: dict[str, Any] | None, images: Tensor
) -> None:
    maps = library_map(f"captum:{name}", images, **params)
    expected = library_map(ours, images, **(params if own_params is None else own_params))
    expected = expected * 3 if name == "Occlusion" else expected  # captum repeats it in each channel
    assert torch.allclose(maps, expected, atol=1e-4 * float(expected.abs().max()))


def test_features_are_squares_of_the_image(images: Tensor) -> None:
    """Ablating each of four squares against the mean colour is an occlusion by windows of half the image."""
    ablated = library_map("captum:FeatureAblation", images, grid=2, sign="signed")
    occluded = library_map("captum:Occlusion", images, window=32, stride=32, sign="signed")
    assert torch.allclose(ablated, occluded, atol=1e-4)
    assert all(len(map_.unique()) == 4 for map_ in ablated)


def test_noise_is_drawn_from_the_images_seed(images: Tensor) -> None:
    """The same image has the same map alone and beside others; torch's global state is left alone."""
    state = torch.random.get_rng_state()
    both = library_map("captum:NoiseTunnel", images, nt_samples=2, attribution_method="Saliency")
    again = map_of("captum:NoiseTunnel", network(), images[:1], LAYER, TARGETS[:1], nt_samples=2)
    assert torch.allclose(both[:1], again, atol=1e-6)
    assert torch.equal(state, torch.random.get_rng_state())
    assert not torch.allclose(both, library_map("captum:Saliency", images), atol=1e-4)


@pytest.mark.parametrize(
    ("canonizer", "build"), [("none", list), ("SequentialMergeBatchNorm", zennit.canonizers.SequentialMergeBatchNorm)]
)
def test_zennit_is_the_librarys_own_relevance(canonizer: str, build: Callable[[], Any], images: Tensor) -> None:
    canonizers = [] if canonizer == "none" else [build()]
    composite = zennit.composites.EpsilonPlus(canonizers=canonizers)
    with zennit.attribution.Gradient(network(), composite) as attributor:
        _, relevance = attributor(images[:2].clone().requires_grad_(), torch.eye(5)[TARGETS])
    maps = library_map("zennit:EpsilonPlus", images, canonizer=canonizer, sign="signed")
    assert torch.allclose(maps, relevance.sum(1), atol=1e-5 * float(relevance.abs().max()))


def test_zennit_needs_bounds_where_the_rule_has_them(images: Tensor) -> None:
    options = METHODS["zennit:EpsilonGammaBox"].parameters
    assert options["low"].required
    assert options["high"].required
    assert library_map("zennit:EpsilonGammaBox", images, low=-3, high=3).shape == (2, 64, 64)


def test_guided_backpropagation_is_the_same_in_both(images: Tensor) -> None:
    expected = library_map("captum:GuidedBackprop", images, sign="signed")
    maps = library_map("zennit:GuidedBackprop", images, sign="signed")
    assert torch.allclose(maps, expected, atol=1e-5 * float(expected.abs().max()))


TOKENS_OF = {"torchcam:GradCAM": "gradcam", "pytorch-grad-cam:GradCAM": "gradcam"}
TOKENS_OF["captum:LayerGradientXActivation"] = "hirescam"


@pytest.mark.parametrize("name", TOKENS_OF)
def test_tokens_are_laid_out_as_maps(name: str, images: Tensor) -> None:
    transformer = seeded(Vit)
    params = {"sign": "positive"} if name.startswith("captum") else {"raw": True}
    maps = map_of(name, transformer, images[:2], TOKENS, TARGETS, **params)
    expected = map_of(TOKENS_OF[name], transformer, images[:2], TOKENS, TARGETS).clamp_min(0)
    assert torch.allclose(maps, expected, atol=1e-5 * float(expected.max()))


def test_captum_does_not_pool_tokens_as_channels(images: Tensor) -> None:
    with pytest.raises(NotApplicable, match="takes dimension 1 for the channels"):
        map_of("captum:LayerGradCam", seeded(Vit), images[:1], TOKENS, TARGETS[:1])


def test_papers_are_read_off_the_library() -> None:
    assert METHODS["torchcam:GradCAM"].paper == "arXiv:1610.02391"
    assert METHODS["pytorch-grad-cam:FullGrad"].paper == "arXiv:1905.00780"
    assert METHODS["captum:IntegratedGradients"].paper == "arXiv:1703.01365"


def test_an_origin_is_the_librarys_line() -> None:
    file, _, line = METHODS["torchcam:GradCAM"].origin.rpartition(":")
    source = inspect.getsourcefile(torchcam.methods.GradCAM)
    assert file == source
    assert "class GradCAM(" in open(file, encoding="utf-8").read().splitlines()[int(line) - 1]  # noqa: SIM115


def test_what_excludes_itself_is_refused(images: Tensor) -> None:
    with pytest.raises(BenchError, match="raw=true and aug_smooth=true exclude each other"):
        library_map("pytorch-grad-cam:GradCAM", images, raw=True, aug_smooth=True)


def test_finer_cam_takes_one_class_in_a_call(images: Tensor) -> None:
    plugin = METHODS["pytorch-grad-cam:FinerCAM"]
    assert isinstance(plugin, LibraryMethod)
    call = LibraryCall(network(), LAYER, Layout("first", 2, 2), images[:2], TARGETS)
    with pytest.raises(BenchError, match="FinerCAM explains one class for all images of a batch"):
        plugin.run(call, plugin.bind({}))


def test_a_library_that_returns_no_map_is_refused_with_its_place(
    images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torchcam.methods.GradCAM, "compute_cams", lambda *_, **__: [torch.ones(2, 2)])
    with pytest.raises(BenchError, match=r"the library at layer 'layer4' returned \(2, 2\), where maps \(1, h, w\)"):
        library_map("torchcam:GradCAM", images)
