"""Xplique's methods, where it is installed: it brings TensorFlow along, and is no part of the dev extra."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchbench.errors import BenchError
from benchbench.methods.implementations.xplique_methods import XPLIQUE_FAMILY
from benchbench.registry import METHODS

from ...helpers import map_of
from ...networks import Pooled, seeded

TARGETS = torch.tensor([1, 3])


def test_without_tensorflow_the_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xplique.attributions", None)
    family = replace(XPLIQUE_FAMILY, _known={}, _methods={})
    with pytest.raises(BenchError, match=r"is not installed.*pip install 'benchbench-saliency\[xplique\]'"):
        family.method("Saliency")


def test_saliency_is_ours(images: Tensor) -> None:
    """Its reducer is the maximum over channels of the gradient's size."""
    pytest.importorskip("xplique")
    network = seeded(Pooled)
    maps = map_of("xplique-torch:Saliency", network, images[:2], "", TARGETS)
    expected = map_of("saliency", network, images[:2], "", TARGETS)
    assert torch.allclose(maps, expected, atol=1e-5 * float(expected.max()))


def test_occlusion_is_ours(images: Tensor) -> None:
    """Against 0, the mean colour: by itself it hides a square behind the value 0.5."""
    pytest.importorskip("xplique")
    network = seeded(Pooled)
    params = {"patch_size": 32, "patch_stride": 32, "occlusion_value": 0.0}
    maps = map_of("xplique-torch:Occlusion", network, images[:2], "", TARGETS, **params)
    expected = map_of("occlusion", network, images[:2], "", TARGETS, window=32, stride=32, sign="signed")
    assert torch.allclose(maps, expected, atol=1e-4 * float(expected.abs().max()))


def test_noise_is_the_images_own(images: Tensor) -> None:
    pytest.importorskip("xplique")
    network = seeded(Pooled)
    both = map_of("xplique-torch:SmoothGrad", network, images[:2], "", TARGETS, nb_samples=3)
    alone = map_of("xplique-torch:SmoothGrad", network, images[:1], "", TARGETS[:1], nb_samples=3)
    assert torch.allclose(both[:1], alone, atol=1e-6)


def test_every_member_runs(images: Tensor) -> None:
    pytest.importorskip("xplique")
    family = METHODS.open_families()["xplique-torch"]
    assert family.names is not None
    for name in family.names():
        plugin = METHODS[f"xplique-torch:{name}"]
        few = {key: 16 for key in ("nb_samples", "steps") if key in plugin.parameters}
        maps = map_of(plugin.name, seeded(Pooled), images[:1], "", TARGETS[:1], **few)
        assert maps.shape == (1, 64, 64), name
        assert bool(torch.isfinite(maps).all()), name
