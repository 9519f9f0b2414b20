"""The two classes of the data set ``cued`` and of the networks of the suite ``bias``: two classes of ``shapes``."""

from __future__ import annotations

from .shape_classes import SHAPE_CLASSES

CUE_CLASSES = ("plain disc", "plain square")
CUE_LABELS = tuple(SHAPE_CLASSES.index(name) for name in CUE_CLASSES)  # their class indices in shapes
