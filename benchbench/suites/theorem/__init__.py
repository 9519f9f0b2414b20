"""The suite ``theorem``: where CAM and Grad-CAM are the same."""

from . import suite as suite
