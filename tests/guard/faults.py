"""Faults of the kind that people make in saliency methods and metrics, each as an edit of one file of ours.

Many stood in published code: docs/definitions.md tells in which. ``proof.py`` plants each of them in a copy of the
code and runs the part of a guarded study that shows it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One edit, and where it must show.

    Attributes:
        says: what is wrong, in words.
        file: the file that is edited.
        old, new: ``old`` stands in the file exactly once.
        study: the guarded study that is run.
        methods, metrics: of the study, those that are run; names as registered. All, of nothing.
    """

    says: str
    file: str
    old: str
    new: str
    study: str
    methods: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


def _method(says: str, file: str, old: str, new: str, *methods: str, study: str = "methods") -> Fault:
    return Fault(says, f"methods/{file}.py", old, new, study, methods, ("average_drop",))


def _metric(says: str, file: str, old: str, new: str, *metrics: str) -> Fault:
    return Fault(says, f"metrics/{file}.py", old, new, "metrics", ("gradcam", "random"), metrics)


def _engine(says: str, file: str, old: str, new: str, methods: str, *metrics: str, study: str = "metrics") -> Fault:
    return Fault(says, f"benchbench/{file}.py", old, new, study, tuple(methods.split()), metrics)


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
        "found = (layer.gradient * layer.activation).sum(1)",
        "found = (layer.gradient.mean((2, 3), keepdim=True) * layer.activation).sum(1)", "hirescam", study="middle",
    ),
    _method(
        "Smooth Grad-CAM++ of the last noisy sample's gradient alone, as torch-cam has it", "smoothgradcam_plus_plus",
        "powers += torch.stack([g, g.square(), g.square() * g]) / samples",
        "powers = torch.stack([g, g.square(), g.square() * g])", "smoothgradcam++",
    ),
    _method(
        "Smooth Grad-CAM++ with noise of no seed", "smoothgradcam_plus_plus",
        "for noise in layer.normal(samples, *shape).unbind(1):",
        "for noise in torch.randn(samples, len(layer.images), *shape):", "smoothgradcam++",
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
        "torch.where(agreement < 0, -found, found)", "-found", "eigencam",
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
        "Layer-CAM's fusion: maps grown with align_corners=True", "masking",
        'list(size), mode="bilinear", align_corners=False', 'list(size), mode="bilinear", align_corners=True', "fusion",
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

ENGINE = (
    _engine(
        "the gradient of the softmax in place of the logit", "capture",
        "wanted = logits.gather(1, targets[:, None])[:, 0] if",
        "wanted = logits.softmax(1).gather(1, targets[:, None])[:, 0] if",
        "gradcam++ shapleycam", "average_drop", study="small",
    ),
    _engine(
        "a hook that hands out what an in-place ReLU then overwrites", "capture",
        "return layout.output_of(found.clone(), output)", "return layout.output_of(found, output)",
        "gradcam layercam", "average_drop", study="small",
    ),
    _engine(
        "a hook on the stage before the last", "layers",
        "return found[-1:] if", "return found[-2:-1] if", "gradcam", "average_drop", study="methods",
    ),
    _engine(
        "a transformer's tokens laid out by columns", "layout",
        "return tokens.reshape(len(output), -1, self.height, self.width)",
        "return tokens.reshape(len(output), -1, self.width, self.height).mT",
        "gradcam chefer", "average_drop", study="small",
    ),
    _engine(
        "maps upsampled with align_corners=True", "perturb",
        'mode="bilinear", align_corners=False', 'mode="bilinear", align_corners=True', "gradcam", "deletion",
    ),
    _engine(
        "maps upsampled to the nearest cell", "perturb",
        'mode="bilinear", align_corners=False', 'mode="nearest"', "gradcam", "deletion",
    ),
    _engine(
        "maps normalised over the batch and not each by itself", "perturb",
        "low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)",
        "low, high = maps.amin(), maps.amax()", "gradcam", "average_drop",
    ),
    _engine(
        "the least salient pixels removed first", "perturb",
        '-flat if order == "most" else flat', 'flat if order == "most" else -flat', "gradcam", "deletion",
    ),
    _engine(
        "equal pixels in an order of their own", "perturb",
        "return _places(key.argsort(dim=1, stable=True))",
        "return _places(key.flip(1).argsort(dim=1, stable=True).sub(key.shape[1] - 1).neg())", "oracle", "deletion",
    ),
    _engine(
        "one pixel more in every step", "perturb",
        "first = rank < amounts([probe.fraction], parts)[0, :, None, None]",
        "first = rank <= amounts([probe.fraction], parts)[0, :, None, None] + 500", "gradcam", "deletion",
    ),
    _engine(
        "a blur that mirrors the border in place of zeros", "fills",
        "F.conv2d(images, kernel.expand(channels, 1, 11, 11), padding=5, groups=channels)",
        'F.conv2d(F.pad(images, [5] * 4, mode="reflect"), kernel.expand(channels, 1, 11, 11), groups=channels)',
        "gradcam random", "insertion",
    ),
    _engine(
        "black in place of the data's mean colour", "fills",
        "return torch.zeros_like(pixels.images)",
        "return (-pixels.mean / pixels.std)[:, None, None].expand_as(pixels.images)", "gradcam random", "deletion",
    ),
    _engine(
        "ROAD: direct and diagonal neighbours weigh the same", "imputation",
        "found = 2 * values", "found = values.clone()", "gradcam random", "road",
    ),
    _engine(
        "the answer for the perturbed image's own best class", "scoring",
        "found = Answers(logits.softmax(1).gather(1, asked)",
        "found = Answers(logits.softmax(1).amax(1, keepdim=True).expand_as(asked)",
        "gradcam random", "deletion",
    ),
    _engine(
        "random draws by the place in the batch and not by the image", "plan",
        'f"{seed}/{what}/{i}".encode()).digest()[:7], "big") for i in ids)',
        'f"{seed}/{what}/{n}".encode()).digest()[:7], "big") for n, i in enumerate(ids))', "random", "average_drop",
    ),
    _engine(
        "images as BGR", "preprocess",
        "np.array(framed)).permute(2, 0, 1)", "np.array(framed)).permute(2, 0, 1).flip(0)",
        "gradcam random", "deletion", "pointing_game",
    ),
    _engine(
        "images divided by the standard deviation before the mean is taken off", "preprocess",
        "return (pixels - mean) / std", "return pixels / std - mean", "gradcam random", "deletion",
    ),
    _engine(
        "masks moved by the crop's margin", "preprocess",
        "return torch.from_numpy(np.array(_frame(picture, preprocess, Image.Resampling.NEAREST)) > 0)",
        "return torch.from_numpy(np.array(picture.resize((preprocess.crop, preprocess.crop))) > 0)",
        "gradcam random", "energy_pointing_game",
    ),
    _engine(
        "a pass that is not counted", "scoring",
        "self.passes.forwards += count", "self.passes.forwards += 0", "scorecam", "passes", study="middle",
    ),
)  # fmt: skip

METRICS = (
    _metric(
        "deletion: the mean of its points in place of the trapezoid", "protocols",
        "return torch.trapezoid(y, x, dim=1)", "return y.mean(1)", "deletion",
    ),
    _metric(
        "deletion: a step too few", "protocols",
        "return [k / steps for k in range(steps + 1)]\n        case \"torchcam\"",
        "return [k / (steps + 1) for k in range(steps + 1)]\n        case \"torchcam\"", "deletion",
    ),
    _metric(
        "average drop, not divided by p", "confidence",
        "(p - q).clamp_min(0) / p, 0)", "(p - q).clamp_min(0), 0)", "average_drop",
    ),
    _metric(
        "average drop that counts rises as negative drops", "confidence",
        "(p - q).clamp_min(0) / p, 0)", "(p - q) / p, 0)", "average_drop",
    ),
    _metric(
        "increase where the drop is", "confidence",
        "Scored((q > p).double())", "Scored((q < p).double())", "increase",
    ),
    _metric(
        "average gain, divided by p in place of 1 - p", "confidence",
        "(q - p).clamp_min(0) / (1 - p)", "(q - p).clamp_min(0) / p", "average_gain",
    ),
    _metric(
        "ADCC with complexity in place of 1 - complexity", "adcc",
        '1 - parts["complexity"]', 'parts["complexity"]', "adcc",
    ),
    _metric(
        "LeRF and MoRF the wrong way round", "road",
        "return y[:, half:].mean(1) - y[:, :half].mean(1)", "return y[:, :half].mean(1) - y[:, half:].mean(1)",
        "lerf_morf",
    ),
    _metric(
        "pointing game: the lowest pixel points", "localisation",
        "height.argmax(1, keepdim=True)", "height.argmin(1, keepdim=True)", "pointing_game",
    ),
    _metric(
        "energy pointing game: over the mask's size in place of the map's mass", "localisation",
        "total = height.sum((1, 2))", "total = regions.sum((1, 2)).double()", "energy_pointing_game",
    ),
    _metric(
        "attribution AUC: ranks from 0", "localisation",
        "rank = midranks(height)", "rank = midranks(height) - 1000", "attribution_auc",
    ),
    _metric(
        "sensitivity-n: the map's mean over a set in place of its sum", "subsets",
        "return torch.stack([(sums * members(probe, parts)).sum(1) for probe in probes], 1)",
        "return torch.stack([(sums * members(probe, parts)).amax(1) for probe in probes], 1)", "sensitivity_n",
    ),
    _metric(
        "infidelity without the factor that suits the map best", "subsets",
        "error = (factor[:, None] * said - falls)", "error = (said - falls)", "infidelity",
    ),
    _metric(
        "correlations without the means taken off", "relation",
        "(x.double() - x.double().mean(1, keepdim=True) for x in (one, other))", "(x.double() for x in (one, other))",
        "faithfulness_correlation",
    ),
    _metric(
        "total variation along one axis", "complexity",
        " + height.diff(dim=2).abs().sum((1, 2))", "", "total_variation",
    ),
    _metric(
        "entropy of the map without making it a distribution", "complexity",
        "torch.special.entr(cells / cells.sum(1, keepdim=True))", "torch.special.entr(cells)", "entropy",
    ),
    _metric(
        "class contrast: masses not made one", "randomisation",
        "(own / mass - other / others)", "(own - other)", "class_contrast",
    ),
    _metric(
        "stability under shifts: maps not shifted back", "robustness",
        "other[:, rows[1], columns[1]]", "other[:, rows[0], columns[0]]", "shift_stability",
    ),
)  # fmt: skip

FAULTS = (*METHODS, *ENGINE, *METRICS)
