"""Images of every source, and the data sets that ship with benchbench."""

from __future__ import annotations

from .archives import coco, csv_table, cub200, hugging_face, imagenet, imagenet_s, imagenette, oxford_pets, pairs, voc
from .builtin import cued, cutouts, mosaics, photos, shapes, trojaned
from .sources import folder
from .sources.memory import as_dataset, in_memory
from .sources.serial import serial

__all__ = [
    "as_dataset",
    "coco",
    "csv_table",
    "cub200",
    "cued",
    "cutouts",
    "folder",
    "hugging_face",
    "imagenet",
    "imagenet_s",
    "imagenette",
    "in_memory",
    "mosaics",
    "oxford_pets",
    "pairs",
    "photos",
    "serial",
    "shapes",
    "trojaned",
    "voc",
]
