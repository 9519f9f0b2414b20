"""What is known of other libraries' methods, faults and conventions, and which classes are no methods of a study.

Each was seen in the library's code, in the version that LOOKED_AT names. docs/conformance.md and docs/audit have
the differences of the maps.
"""

from __future__ import annotations

from benchbench.registry.library import Library

LOOKED_AT: dict[str, str] = {
    "torchcam": "0.5.0",
    "pytorch-grad-cam": "1.5.7",
    "captum": "0.9.0",
    "zennit": "0.5.1",
    "xplique-torch": "2.0.2",
}


def version_looked_at(library: Library) -> str:
    """``0.5.0``, in which its faults were looked for; it says so if another version is installed."""
    known = LOOKED_AT.get(library.prefix, "")
    if not known or library.version in ("", known):
        return known
    return f"{known} (not looked for in {library.version}, which is installed)"


def seen(library: Library, fault: str) -> str:
    """The fault with the version of the library that has it; an empty text stays empty."""
    return f"in {version_looked_at(library)} {fault}" if fault else ""


TORCHCAM_FAULTS: dict[str, str] = {
    "GradCAMpp": "its division edits a copy, so its weights are the sum of g^2 ReLU(g) and not those of Grad-CAM++",
    "SmoothGradCAMpp": "it multiplies the last noisy sample's gradient with the activations, and draws its noise from "
    "torch's global random state",
    "ScoreCAM": "it normalises the masks before it upsamples them, not after",
    "SSCAM": "it normalises the masks before it upsamples them, not after, and draws its noise from torch's global "
    "random state",
    "ISCAM": "it normalises the masks before it upsamples them, not after, and scales them by up to 5.5 and not to 1",
}
TORCHCAM_REFUSED: dict[str, str] = {
    "RefineCAM": "it multiplies the maps of several layers, and a row of a study is about one layer",
}

GRAD_CAM_FAULTS: dict[str, str] = {
    "GradCAMPlusPlus": "it adds an epsilon of 1e-6 to the denominator, which may exceed the denominator itself",
    "AblationCAM": "it sets a channel to 1e7 below the minimum of a batch of channels, not to zero, unless that "
    "minimum is zero; so its map depends on its parameter batch_size (not on the other images)",
    "FullGrad": "it normalises each channel, where the paper normalises each layer",
    "EigenCAM": "the sign of the singular vector is arbitrary and is not corrected",
    "EigenGradCAM": "the sign of the singular vector is arbitrary and is not corrected",
    "KPCA_CAM": "the sign of the component is arbitrary and is not corrected",
    "FinerCAM": "it adds 1e-9 to the summed probability of the other classes, which may exceed that probability",
    "ScoreCAM": "it upsamples the masks with align_corners=True, and its weights are a softmax of logits",
}
GRAD_CAM_CONTROLS = ("RandomCAM",)
GRAD_CAM_PIXELS = ("FullGrad",)  # these take no layer
GRAD_CAM_REFUSED: dict[str, str] = {
    "RefineCAM": "it multiplies the maps of several layers, and a row of a study is about one layer",
    "BaseCAM": "it is the base class of the others",
}

CAPTUM_CONVENTIONS: dict[str, str] = {  # no faults: its documentation says so
    "LayerActivation": "it does not depend on the class",
    "GuidedGradCam": "it upsamples Grad-CAM to the nearest cell",
}
CAPTUM_HERE: dict[str, str] = {  # conventions too: what the adapter makes of a method, whatever captum's version
    "GradientShap": "its baseline is one zero image (the mean colour) here, as a study has no distribution",
    "DeepLiftShap": "its baselines are zero images (the mean colour) here, as a study has no distribution",
    "LayerGradientShap": "its baseline is one zero image (the mean colour) here, as a study has no distribution",
    "LayerDeepLiftShap": "its baselines are zero images (the mean colour) here, as a study has no distribution",
}
CAPTUM_LAYER_AND_PIXELS = ("GuidedGradCam",)  # it takes a layer, and its values belong to pixels
CAPTUM_REFUSED: dict[str, str] = {
    "FeaturePermutation": "it permutes the images of a batch, so that a map would depend on the other images",
    "LayerFeaturePermutation": "it permutes the images of a batch, so that a map would depend on the other images",
    "ShapleyValues": "it needs a forward pass for each permutation of all features; use captum:ShapleyValueSampling",
    "DataLoaderAttribution": "it explains a whole data set at once",
    "LLMAttribution": "it explains texts",
    "LLMGradientAttribution": "it explains texts",
    "RemoteLLMAttribution": "it explains texts",
    "LimeBase": "its constructor needs functions; use captum:Lime",
}
NEURON = "it explains a neuron and not the class"

ZENNIT_REFUSED: dict[str, str] = {
    "BetaSmooth": "it changes gradients of second order, and a map is of first order",
}
_KERAS = "it looks for layers of a Keras model, which its wrapper of torch networks has not"
XPLIQUE_REFUSED: dict[str, str] = dict.fromkeys(("DeconvNet", "FEM", "GradCAM", "GradCAMPP", "GuidedBackprop"), _KERAS)
