"""The words of plugins, tables and reports."""

from __future__ import annotations

from typing import Literal, TypeAlias

NEEDS = {
    "activation": "the layer's output",
    "gradient": "one backward pass, shared with every other method",
    "input": "no layer: it explains the network as a whole, in pixels or patches",
    "stages": "the stages before the layer too",
    "head": "global average pooling and one linear layer behind the layer",
    "rest": "passes through the network behind the layer",
    "scores": "forward passes on other images",
    "detections": "what a detector finds in other images",
    "look": "forward and backward passes on other images, or for other scores",
    "curvature": "second derivatives",
    "mask": "the dataset's masks",
    "references": "other images of the dataset, drawn by the study's seed",
    "dataset": "the maps of all images of the dataset",
    "modules": "the network traced by torch.fx, every module called once",
    "original": "a copy of the network as it is, which another library hooks and runs",
    "biases": "the gradients of all biases",
    "attention": "attention among the patches of the image",
    "tokens": "forward passes without some patches' tokens, and what every block returns",
    "block-logits": "a head that reads logits off every block of a vision transformer",
}


METRIC_NEEDS = {
    "probes": "the network's answers on perturbed images",
    "rivals": "the probabilities of other classes on perturbed images, those that are most likely on the image itself",
    "map": "the map",
    "signed-map": "attributions to single pixels with their sign, of methods that keep it (`sign: signed`)",
    "logit-map": "maps that explain the target's logit, and no other score",
    "pixels": "the images, and what perturbed pictures of them are made of",
    "mask": "the dataset's masks",
    "boxes": "the dataset's boxes",
    "label": "the image's label, and its place among the network's classes",
    "reexplain": "the method's maps of other images, of another target, or of the network with other weights",
    "cost": "a measurement of the method alone",
    "passes": "the passes of the method alone, counted and not timed",
    "shared": "what the study itself took to make the method's maps, with the work that methods have in common divided",
    "network": "the network and the method, for a metric of another library that runs them itself",
}


PIXELS = "pixels"  # what a map's values belong to, unless they belong to larger parts of the image


LOGIT = "logit"
SCORES = {  # what is explained of a target with logit y and probability p
    LOGIT: "y",
    "probability": "p",
    "log-probability": "log p",
    "rest": "y + log p",
    "contrast": "y minus the largest logit of another class",
    "contrast-weighted": "y minus the mean logit of the other classes, weighted by their softmax",
}


TRUTHS = {  # where the object is, by the word of a localisation metric
    "mask": "the object's mask",
    "box": "the object's boxes",
    "mask-else-box": "the object's mask; where the data have none, its boxes",
    "box-else-mask": "the object's boxes; where the data have none, those around its mask",
}


FAMILIES = {
    "faithfulness": "does the network listen to what the map points at?",
    "localisation": "does the map point at the labelled object?",
    "robustness": "does the map stay when the image hardly changes?",
    "randomisation": "does the map change when the network or the target does?",
    "complexity": "how much of the image does the map name?",
    "axioms": "do the attributions have the properties that a theory asks of them?",
    "health": "how much of the number is the map's, and how much an accident?",
    "cost": "what does the map take?",
    "other": "metrics of one's own that say no family",
}


QUALITY_FAMILIES = ("faithfulness", "localisation")  # the families that make the order of the methods
QUALITY_MEANS = (
    "Quality is faithfulness and localisation, that is, what a map claims about the network and the object; "
    "robustness, randomisation, complexity, health, axioms and cost are ranked apart."
)


Status: TypeAlias = Literal["ok", "failed", "not_applicable"]


INPUT = "input image"  # the layer of methods that explain the network as a whole
