"""Faults in the adapters of other libraries' methods, shown by their maps."""

from __future__ import annotations

from .fault import Fault


def _adapter(says: str, file: str, old: str, new: str, *methods: str) -> Fault:
    path = f"methods/implementations/{file}.py"
    return Fault(says, path, old, new, "libraries", methods, ("average_drop",))


LIBRARIES = (
    _adapter(
        "torch-cam explains the most likely class, not the study's", "torchcam_methods",
        "extractor(call.classes, scores,", "extractor(scores.argmax(1).tolist(), scores,", "torchcam:GradCAM",
    ),
    _adapter(
        "pytorch-grad-cam is left to choose the class", "grad_cam_methods",
        'return {"targets": [module.utils.model_targets.ClassifierOutputTarget(each) for each in call.classes]}',
        'return {"targets": None}', "pytorch-grad-cam:GradCAM",
    ),
    _adapter(
        "pytorch-grad-cam's raw map with its negative part", "grad_cam_methods",
        "np.maximum(images[-1], 0) if raw", "images[-1] if raw", "pytorch-grad-cam:XGradCAM",
    ),
    _adapter(
        "a library's random draws without the image's seed", "implementation",
        "with layer.borrow(i) as call, seeded(seed), torch.enable_grad():",
        "with layer.borrow(i) as call, torch.enable_grad():", "torchcam:SmoothGradCAMpp",
    ),
)  # fmt: skip
