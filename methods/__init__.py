"""Saliency methods: one small file per method or family. Importing this package registers them."""

if __name__ != "benchbench.methods":
    raise ImportError("import this package as benchbench.methods: its folder must not become an import name of its own")

from . import cam, controls, gradcam, gradcam_plus_plus, layercam, scorecam

__all__ = ["cam", "controls", "gradcam", "gradcam_plus_plus", "layercam", "scorecam"]
