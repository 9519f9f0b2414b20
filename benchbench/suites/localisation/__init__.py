"""The suite ``localisation``: weakly supervised localisation and segmentation."""

from . import suite as suite
