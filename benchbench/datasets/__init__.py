"""Images of every source, and the data sets that ship with benchbench."""

from __future__ import annotations

from .builtin import cutouts, mosaics, photos, shapes
from .sources import folder
from .sources.memory import as_dataset, in_memory
from .sources.serial import serial

__all__ = ["as_dataset", "cutouts", "folder", "in_memory", "mosaics", "photos", "serial", "shapes"]
