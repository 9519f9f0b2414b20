"""Datasets: what benchbench can look at, and how a program's own images become one."""

from __future__ import annotations

from . import cutouts, folder, mosaics, photos  # imported so that they register
from .memory import as_dataset, in_memory
from .serial import serial

__all__ = ["as_dataset", "cutouts", "folder", "in_memory", "mosaics", "photos", "serial"]
