"""``xplique-torch:NAME``: Xplique's attributions of the input, through its wrapper of torch networks.

Xplique computes in TensorFlow; its wrapper hands images and gradients to and from torch. TensorFlow is imported with
the first of these methods.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchbench.registry.library import Library
from benchbench.types import LibraryCall

from .family import LibraryFamily
from .implementation import LibraryMethod, library_method
from .known_faults import XPLIQUE_REFUSED
from .library_options import arguments, plain_options

XPLIQUE = Library(
    "xplique-torch", "Xplique", "xplique.attributions", "xplique", "xplique", "https://github.com/deel-ai/xplique"
)
_OURS = ("model", "output_layer", "operator")


def classes() -> dict[str, type]:
    """Every attribution of the installed version, by name.

    Raises:
        BenchError: Xplique, or TensorFlow, is not installed.
    """
    members = inspect.getmembers(XPLIQUE.load(), inspect.isclass)
    return {name: kind for name, kind in members if callable(getattr(kind, "explain", None))}


def xplique_method(name: str, kind: Any) -> LibraryMethod:
    """The method ``xplique-torch:NAME``."""

    def run(call: LibraryCall, params: Mapping[str, Any]) -> Tensor:
        return _maps(kind, call, params)

    return library_method(name, XPLIQUE, kind, plain_options(kind.__init__, _OURS), run, pixels=True)


def _maps(kind: Any, call: LibraryCall, params: Mapping[str, Any]) -> Tensor:
    """The map (n, H, W, 1) of images with their channels last, of the classes as one-hot rows."""
    import tensorflow
    from xplique.wrappers import TorchWrapper

    tensorflow.random.set_seed(torch.initial_seed() % 2**31)  # it draws from a state of its own
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that TensorFlow runs eagerly
        wrapper = TorchWrapper(call.network, call.images.device, is_channel_first=True)
        explainer = kind(wrapper, **arguments(kind.__init__, params, {}))
        with torch.no_grad():
            classes_count = call.network(call.images[:1]).shape[1]
        one_hot = np.eye(classes_count, dtype=np.float32)[call.classes]
        maps = explainer.explain(call.images.permute(0, 2, 3, 1).cpu().numpy(), one_hot)
    return torch.from_numpy(np.asarray(maps, dtype=np.float32)[..., 0])


XPLIQUE_FAMILY = LibraryFamily(XPLIQUE, classes, lambda: XPLIQUE_REFUSED, xplique_method)
XPLIQUE_FAMILY.register("the attributions of Xplique, through its wrapper of torch networks")
