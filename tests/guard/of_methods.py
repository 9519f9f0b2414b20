"""Faults in methods, shown by their maps."""

from __future__ import annotations

from .fault import Fault


def _method(says: str, file: str, old: str, new: str, *methods: str, study: str = "methods") -> Fault:
    return Fault(says, f"methods/{file}.py", old, new, study, methods, ("average_drop",))


METHODS = (
    _method(
        "Grad-CAM without its ReLU", "gradcam",
        "relu((weight * layer.activation).sum(1))", "(weight * layer.activation).sum(1)", "gradcam",
    ),
    _method(
        "Grad-CAM: the gradient's mean over channels and rows, not over space", "gradcam",
        "layer.gradient.mean((2, 3), keepdim=True)", "layer.gradient.mean((1, 2), keepdim=True)", "gradcam",
    ),
    _method(
        "Grad-CAM: the gradient's mean over the batch too", "gradcam",
        "layer.gradient.mean((2, 3), keepdim=True)", "layer.gradient.mean((0, 2, 3), keepdim=True)", "gradcam",
    ),
    _method(
        "Grad-CAM: the weights' magnitude, as if what speaks against the class spoke for it", "gradcam",
        "layer.gradient.mean((2, 3), keepdim=True)", "layer.gradient.mean((2, 3), keepdim=True).abs()", "gradcam",
    ),
    _method(
        "Grad-CAM++ without its division: torch-cam divides a copy", "gradcam_plus_plus",
        "torch.where(denominator != 0, numerator / denominator, 0).sum", "(g.square() * relu(g)).sum", "gradcam++",
    ),
    _method(
        "Grad-CAM++ with an epsilon that exceeds its denominator", "gradcam_plus_plus",
        "torch.where(denominator != 0, numerator / denominator, 0).sum",
        "(g.square() * relu(g) / (g.square() * denominator + 1e-6)).sum", "gradcam++", study="middle",
    ),
    _method(
        "Layer-CAM with the gradient's sign left in: HiResCAM", "layercam",
        "relu(layer.gradient) * layer.activation", "layer.gradient * layer.activation", "layercam",
    ),
    _method(
        "XGrad-CAM: divided by the sum of the gradient, not of the activation", "xgradcam",
        "total = activation.sum(", "total = layer.gradient.sum(", "xgradcam", study="middle",
    ),
    _method(
        "HiResCAM with the gradient's mean, which is Grad-CAM", "hirescam",
        "maps = (layer.gradient * layer.activation).sum(1)",
        "maps = (layer.gradient.mean((2, 3), keepdim=True) * layer.activation).sum(1)", "hirescam", study="middle",
    ),
    _method(
        "Smooth Grad-CAM++ of the last noisy sample's gradient alone, as torch-cam has it", "smoothgradcam_plus_plus",
        "powers += torch.stack([g, g.square(), g.square() * g]) / samples",
        "powers = torch.stack([g, g.square(), g.square() * g])", "smoothgradcam++", study="small",
    ),
    _method(
        "Smooth Grad-CAM++ with noise of no seed", "smoothgradcam_plus_plus",
        "for noise in layer.normal(samples, *shape).unbind(1):",
        "for noise in torch.randn(samples, len(layer.images), *shape):", "smoothgradcam++", study="small",
    ),
    _method(
        "SmoothGrad: noise as a share of 1 and not of the image's range", "gradients",
        "layer.look(layer.images + sigma * span * noise)", "layer.look(layer.images + sigma * noise)", "smoothgrad",
    ),
    _method(
        "integrated gradients from the step 0 on: a left sum in place of midpoints", "gradients",
        "((i + 0.5) / steps)", "(i / steps)", "integratedgradients",
    ),
    _method(
        "Score-CAM: a softmax over the channels' probabilities", "scorecam",
        'weight = layer.score_masked(masks, of="probability") * live',
        'weight = torch.softmax(layer.score_masked(masks, of="probability") * live, 1)', "scorecam", study="middle",
    ),
    _method(
        "Score-CAM: each channel with its neighbour's score", "scorecam",
        'weight = layer.score_masked(masks, of="probability") * live',
        'weight = (layer.score_masked(masks, of="probability") * live).roll(1, 1)', "scorecam", study="middle",
    ),
    _method(
        "Ablation-CAM: divided by the logit without the channel", "ablationcam",
        "(logit - ablated) / logit", "(logit - ablated) / ablated", "ablationcam", study="middle",
    ),
    _method(
        "Ablation-CAM: channels at their minimum in place of zero", "ablationcam",
        ", channel] = 0", ", channel] = activation.amin()", "ablationcam", study="middle",
    ),
    _method(
        "Eigen-CAM with the sign that the decomposition happens to give", "eigencam",
        "torch.where(agreement < 0, -component, component)", "-component", "eigencam",
    ),
    _method(
        "Recipro-CAM: the map transposed", "reciprocam",
        "of=score).view(-1, height, width)", "of=score).view(-1, width, height).mT", "reciprocam",
    ),
    _method(
        "Finer-CAM: the target among its own rivals", "finercam",
        "distance = distance.scatter(1, layer.targets[:, None], torch.inf)", "", "finercam",
    ),
    _method(
        "Group-CAM: what the blurred image gives is not taken off", "groupcam",
        " - layer.score(blurred)[:, None]", "", "groupcam", study="middle",
    ),
    _method(
        "Layer-CAM's fusion: maps upsampled with align_corners=True", "fusion",
        "upsample(stage_map[:, None], maps[0].shape[1:])",
        'torch.nn.functional.interpolate(stage_map[:, None], maps[0].shape[1:], mode="bilinear", align_corners=True)',
        "fusion",
    ),
    _method(
        "Layer-CAM's fusion: tanh for the coarsest stages and not for the finest", "fusion",
        "torch.cat([torch.tanh(gamma * maps[:coarse]), maps[coarse:]])",
        "torch.cat([maps[:-coarse], torch.tanh(gamma * maps[-coarse:])])", "fusion",
    ),
    _method(
        "RISE: the masks of one image for every image", "rise",
        "grids[image, variant], shifts[image, variant]", "grids[0, variant], shifts[0, variant]", "rise",
    ),
    _method(
        "FullGrad: each channel normalised by itself, and not the layer", "fullgrad",
        "term.amax((1, 2, 3), keepdim=True)", "term.amax((2, 3), keepdim=True)", "fullgrad", study="small",
    ),
    _method(
        "attention rollout without the identity of the skip connection", "transformers",
        "weight = weight + _identity(weight)", "", "attention-rollout", study="small",
    ),
    _method(
        "Chefer's relevance without its ReLU", "transformers",
        "relu(block.gradient * block.weight)", "(block.gradient * block.weight)", "chefer", study="small",
    ),
    _method(
        "ShapleyCAM: the Hessian's half with the wrong sign", "shapleycam",
        "layer.gradient - layer.curvature", "layer.gradient + layer.curvature", "shapleycam", study="small",
    ),
)  # fmt: skip
