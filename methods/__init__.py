"""Saliency methods: one small file per method or family. Importing this package registers them."""

if __name__ != "benchbench.methods":
    raise ImportError("import this package as benchbench.methods: its folder must not become an import name of its own")

from . import (
    ablationcam,
    cam,
    controls,
    eigencam,
    gradcam,
    gradcam_plus_plus,
    hirescam,
    layercam,
    reciprocam,
    scorecam,
    xgradcam,
)

__all__ = [
    "ablationcam",
    "cam",
    "controls",
    "eigencam",
    "gradcam",
    "gradcam_plus_plus",
    "hirescam",
    "layercam",
    "reciprocam",
    "scorecam",
    "xgradcam",
]
