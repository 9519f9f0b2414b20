"""benchbench: a referee for saliency methods.

    import benchbench as bb
    run = bb.Study(models={"mine": network}, datasets={"val": (images, labels)}, layers=["layer4"],
                   methods=["gradcam", "scorecam"], metrics=["deletion", "insertion"]).run("runs/mine")

Names are imported when first used, so that ``benchbench --help`` does not wait for torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api.explain import explain
    from .api.run import Run
    from .api.study import Study
    from .errors import BenchError, NotApplicable
    from .looking.sheet_of_maps import MapSheet
    from .looking.show import show
    from .models.checkpoint import load_weights
    from .models.detector import detector
    from .models.segmenter import segmenter
    from .network.custom_score import scored
    from .registry import dataset, method, metric, model
    from .regression import Baseline, Tolerances
    from .tracing.find_layout import with_grid, with_layout
    from .types import Dataset, Layer, ModelSpec, Preprocess, Sample, Scored, Seen
    from .viz.overlay import Overlay, overlay

_HOME = {
    "api.explain": ("explain",),
    "api.study": ("Study",),
    "api.run": ("Run",),
    "errors": ("BenchError", "NotApplicable"),
    "tracing.find_layout": ("with_grid", "with_layout"),
    "looking.sheet_of_maps": ("MapSheet",),
    "looking.show": ("show",),
    "viz.overlay": ("Overlay", "overlay"),
    "regression": ("Baseline", "Tolerances"),
    "registry": ("dataset", "method", "metric", "model"),
    "models.checkpoint": ("load_weights",),
    "models.detector": ("detector",),
    "models.segmenter": ("segmenter",),
    "network.custom_score": ("scored",),
    "types": ("Dataset", "Layer", "ModelSpec", "Preprocess", "Sample", "Scored", "Seen"),
}

__all__ = [
    "Baseline",
    "BenchError",
    "Dataset",
    "Layer",
    "MapSheet",
    "ModelSpec",
    "NotApplicable",
    "Overlay",
    "Preprocess",
    "Run",
    "Sample",
    "Scored",
    "Seen",
    "Study",
    "Tolerances",
    "dataset",
    "detector",
    "explain",
    "load_weights",
    "method",
    "metric",
    "model",
    "overlay",
    "scored",
    "segmenter",
    "show",
    "with_grid",
    "with_layout",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(importlib.import_module(f".{module}", __name__), name)
    raise AttributeError(f"module 'benchbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
