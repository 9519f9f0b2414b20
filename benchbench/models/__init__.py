"""Networks loaded, told apart, and fed with photographs."""

from .load import IMAGENET, fingerprint, imagenet_classes, load_model, weights_digest

__all__ = ["IMAGENET", "fingerprint", "imagenet_classes", "load_model", "weights_digest"]
