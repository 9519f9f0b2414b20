"""Faults in the engine, shown by a method or two."""

from __future__ import annotations

from .fault import Fault


def _engine(says: str, file: str, old: str, new: str, methods: str, *metrics: str, study: str = "metrics") -> Fault:
    return Fault(says, f"benchbench/{file}.py", old, new, study, tuple(methods.split()), metrics)


ENGINE = (
    _engine(
        "the gradient of the softmax in place of the logit", "network/capture",
        "return logits.gather(1, targets[:, None])[:, 0] if",
        "return logits.softmax(1).gather(1, targets[:, None])[:, 0] if",
        "gradcam++ shapleycam", "average_drop", study="small",
    ),
    _engine(
        "a hook that hands out what an in-place ReLU then overwrites", "network/capture",
        "return layout.output_of(activation.to(output.dtype, copy=True), output)",
        "return layout.output_of(activation, output)",
        "gradcam layercam", "average_drop", study="small",
    ),
    _engine(
        "a hook on the stage before the last", "network/layers",
        "return names[-1:] if", "return names[-2:-1] if", "gradcam", "average_drop", study="methods",
    ),
    _engine(
        "the first layer of the last stage and not its last", "network/layers",
        "if _depth(layer.name, wholes) == least][-1]", "if _depth(layer.name, wholes) == least][0]",
        "gradcam", "average_drop", study="methods",
    ),
    _engine(
        "the rows of a transformer's tokens taken for its columns", "tracing/axes",
        'first.role == "column"', 'first.role == "row"', "gradcam chefer", "average_drop", study="small",
    ),
    _engine(
        "a transformer's tokens laid out by columns", "types/token_grid",
        "return tokens.reshape(len(output), -1, self.height, self.width)",
        "return tokens.reshape(len(output), -1, self.width, self.height).mT",
        "gradcam chefer", "average_drop", study="small",
    ),
    _engine(
        "maps upsampled with align_corners=True", "maps/normalise",
        'mode="bilinear", align_corners=False', 'mode="bilinear", align_corners=True', "gradcam", "deletion",
    ),
    _engine(
        "maps upsampled to the nearest cell", "maps/normalise",
        'mode="bilinear", align_corners=False', 'mode="nearest"', "gradcam", "deletion",
    ),
    _engine(
        "maps normalised over the batch and not each by itself", "maps/normalise",
        "low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)",
        "low, high = maps.amin(), maps.amax()", "gradcam", "average_drop",
    ),
    _engine(
        "the least salient pixels removed first", "perturbation/apply_probe",
        '-flat if order == "most" else flat', 'flat if order == "most" else -flat', "gradcam", "deletion",
    ),
    _engine(
        "equal pixels in an order of their own", "perturbation/apply_probe",
        "return _places(key.argsort(dim=1, stable=True))",
        "return _places(key.flip(1).argsort(dim=1, stable=True).sub(key.shape[1] - 1).neg())", "oracle", "deletion",
    ),
    _engine(
        "five hundred pixels more in every step", "perturbation/apply_probe",
        "first = rank < amounts([probe.fraction], parts)[0, :, None, None]",
        "first = rank < amounts([probe.fraction], parts)[0, :, None, None] + 500", "gradcam", "deletion",
    ),
    _engine(
        "a blur that mirrors the border in place of zeros", "perturbation/fills",
        "F.conv2d(images, kernel.expand(channels, 1, 11, 11), padding=5, groups=channels)",
        'F.conv2d(F.pad(images, [5] * 4, mode="reflect"), kernel.expand(channels, 1, 11, 11), groups=channels)',
        "gradcam random", "insertion",
    ),
    _engine(
        "black in place of the data's mean colour", "perturbation/fills",
        "return torch.zeros_like(pixels.images)",
        "return (-pixels.mean / pixels.std)[:, None, None].expand_as(pixels.images)", "gradcam random", "deletion",
    ),
    _engine(
        "ROAD: neighbours above and below weigh the same as diagonal ones", "perturbation/imputation",
        "torch.add(left, middle, alpha=2).add_(right).sub_(self.values, alpha=4)",
        "torch.add(left, middle).add_(right).sub_(self.values, alpha=2)", "gradcam random", "road",
    ),
    _engine(
        "the answer for the perturbed image's own best class", "network/scorer",
        "logits.softmax(1).gather(1, classes)", "logits.softmax(1).amax(1, keepdim=True).expand_as(classes)",
        "gradcam random", "deletion",
    ),
    _engine(
        "a picture lent to another fill", "perturbation/equality",
        'return "hidden", probe.fill', 'return ("hidden",)', "gradcam random", "deletion", "deletion@rise-28-noise",
    ),
    _engine(
        "random draws by the place in the batch and not by the image", "seeds",
        'derived(f"{seed}/{what}/{i}") for i in ids)',
        'derived(f"{seed}/{what}/{n}") for n, i in enumerate(ids))', "random", "average_drop",
    ),
    _engine(
        "images as BGR", "models/preprocess",
        "np.array(framed))).permute(2, 0, 1)", "np.array(framed))).permute(2, 0, 1).flip(0)",
        "gradcam random", "deletion", "pointing_game",
    ),
    _engine(
        "images divided by the standard deviation before the mean is taken off", "models/preprocess",
        "return (pixels - mean) / std", "return pixels / std - mean", "gradcam random", "deletion",
    ),
    _engine(
        "masks squashed to the image's size and not cropped", "models/preprocess",
        "return torch.from_numpy(np.array(_frame(picture, preprocess, Image.Resampling.NEAREST)) > 0)",
        "return torch.from_numpy(np.array(picture.resize((preprocess.crop, preprocess.crop))) > 0)",
        "gradcam random", "energy_pointing_game",
    ),
    _engine(
        "a scored network of many outputs explained for its first class", "engine/shard",
        "chunk.labels, only=is_scored(job.desk.network))",
        'chunk.labels, only=hasattr(job.desk.network, "benchbench_score"))',
        "gradcam random", "average_drop", study="small",
    ),
    _engine(
        "images with a Preprocess counted as not normalised", "network/reference_batch",
        "mean, std = images.new_tensor(normalisation.mean), images.new_tensor(normalisation.std)",
        "mean, std = images.new_zeros(len(normalisation.mean)), images.new_ones(len(normalisation.std))",
        "gradcam random", "deletion@idl-20", "noise_stability",
    ),
    _engine(
        "passes counted twice", "network/scorer",
        "self.passes.forwards += count", "self.passes.forwards += 2 * count", "scorecam", "passes", study="middle",
    ),
    _engine(
        "a backward that a method makes itself, counted twice", "cost/ledger",
        "self.backwards += len(gradient)", "self.backwards += 2 * len(gradient)",
        "liftcam deeplift", "passes", study="small",
    ),
    _engine(
        "a layout by the shape alone", "tracing/reading",
        "layout = None if output.axes is None else layout_from(output.axes, output.shape)",
        "layout = layout_of(output.shape, self.size, self.tokens)",
        "hirescam", "average_drop", study="odd",
    ),
    _engine(
        "what has no gradient is refused to every method", "engine/ready_model",
        "seen = capture(spec.network, example, [layer], _most_likely, gradient=False)",
        "seen = capture(spec.network, example, [layer], _most_likely)",
        "eigencam scorecam", "average_drop", study="odd",
    ),
    _engine(
        "stages from a copy that was not proven there", "attribution/layer_services",
        "proven = scorer.proven is not None and scorer.proven.issuperset(layers)",
        "proven = scorer.proven is not None", "fusion", "average_drop", study="odd",
    ),
    _engine(
        "the probability's gradient without that of the other classes: the logit's, scaled", "network/explained_score",
        "else logit - others.logsumexp(1))", "else logit - others.logsumexp(1).detach())", "gradcam", "average_drop",
        study="methods",
    ),
    _engine(
        "the contrast with the most likely class, which is the target itself", "network/explained_score",
        "wide.gather(1, others.argmax(1, keepdim=True))", "wide.gather(1, wide.argmax(1, keepdim=True))",
        "integratedgradcam", "average_drop", study="methods",
    ),
    _engine(
        "the weights of a contrast have a gradient", "network/explained_score",
        "(others.detach().softmax(1) * wide)", "(others.softmax(1) * wide)", "", "average_drop", study="variants",
    ),
    _engine(
        "a method inside another runs with its defaults", "registry/method_parameter",
        "self.plugin.call(layer.copied().lending(self.needs), self.params)",
        "self.plugin.call(layer.copied().lending(self.needs), self.plugin.bind({}))", "", "average_drop",
        study="variants",
    ),
    _engine(
        "twins of the logit's map, whatever the method explains", "registry/method_parameter",
        'return {"of": Method(plugin.name, without_score), **asked}',
        'return {"of": Method(plugin.name, without_score)}', "",
        "average_drop", study="variants",
    ),
    _engine(
        "the constant of input invariance taken off the image too", "network/rewritten_input",
        "_minus(images, -view.constant, std)", "_minus(images, view.constant, std)", "gradcam", "input_invariance",
    ),
)  # fmt: skip
