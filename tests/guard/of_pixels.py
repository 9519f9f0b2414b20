"""Faults in methods that explain pixels, superpixels or cells of a grid, and in controls, shown by their maps."""

from __future__ import annotations

from .fault import Fault


def _method(says: str, file: str, old: str, new: str, *methods: str, study: str = "methods") -> Fault:
    return Fault(says, f"methods/{file}.py", old, new, study, methods, ("average_drop",))


PIXELS = (
    _method(
        "LIME: the regression has no intercept", "lime",
        "inputs = (rows - shares @ rows) * roots[:, None]\n    outputs = (scores - shares @ scores) * roots",
        "inputs = rows * roots[:, None]\n    outputs = scores * roots", "lime",
    ),
    _method(
        "KernelSHAP: coalitions of every size as often, and not by the kernel", "kernelshap",
        "chance = np.cumsum(1 / (k * (count - k)))", "chance = np.cumsum(np.ones(count - 1))", "kernelshap",
    ),
    _method(
        "Sobol: the scores of designs read in the order of cells", "sobol",
        "scores[:, designs:].view(len(scores), -1, designs)", "scores[:, designs:].view(len(scores), designs, -1).mT",
        "sobol",
    ),
    _method(
        "HSIC: the kernel of the masks is not centred", "hsic",
        "centred = masks - masks.mean(0)", "centred = masks", "hsic",
    ),
    _method(
        "VarGrad: the mean is not taken off, which is SquareGrad", "gradients",
        "squares += distance * (gradient - mean)", "squares += gradient.square()", "vargrad",
    ),
    _method(
        "SquareGrad: the square of the mean in place of the mean of squares", "gradients",
        "return _mean(layer, (gradient.square() for gradient in _noisy_gradients(layer, samples, sigma))).amax(1)",
        "return _mean(layer, _noisy_gradients(layer, samples, sigma)).square().amax(1)", "squaregrad",
    ),
    _method(
        "Guided IG: the most negative gradients first, not the smallest", "guidedig",
        "gradient.abs().where(place != high, torch.inf)", "gradient.where(place != high, torch.inf)", "guidedig",
        study="small",
    ),
    _method(
        "Blur IG: the path is walked the wrong way", "blurig",
        "total -= layer.look(", "total += layer.look(", "blurig", study="small",
    ),
    _method(
        "XRAI: regions ranked by their sum, so that the largest come first", "xrai",
        "np.where(usable, sums / np.maximum(counts, 1), -np.inf)", "np.where(usable, sums, -np.inf)", "xrai",
    ),
    _method(
        "IDG: the slope of the whole batch", "idg",
        "(layer.images * gradient).sum((1, 2, 3), keepdim=True) * gradient",
        "(layer.images * gradient).sum() * gradient", "idg",
    ),
    _method(
        "FORGrad's low-pass: frequencies that are not in the transform's order", "lowpass",
        "[(torch.arange(side) + side // 2) % side - side // 2 for side in size]",
        "[torch.arange(side) - side // 2 for side in size]", "lowpass",
    ),
    _method(
        "SESS: windows that do not show the class count as much", "sess",
        "minmax(upsample(of(seen), (height, width))) * weight", "minmax(upsample(of(seen), (height, width)))", "sess",
    ),
    _method(
        "Winsor-CAM: the least important layer counts for nothing", "winsorcam",
        "_LEAST + (1 - _LEAST) * (cut - least) / (most - least)", "(cut - least) / (most - least)", "winsorcam",
        study="small",
    ),
    _method(
        "the ceiling: what a superpixel adds, whatever its size", "ceiling",
        " / parts.sizes.gather(1, left).clamp_min(1)", "", "ceiling",
    ),
    _method(
        "a method's inverted map, cut off at zero", "controls",
        "    return -maps", "    return (-maps).clamp_min(0)", study="variants",
    ),
    _method(
        "a method's blurred map: a share of the map's side, not of the image's", "controls",
        "width = sigma * min(large.shape[2:])", "width = sigma * min(inner.shape[1:])", study="variants",
    ),
)  # fmt: skip
