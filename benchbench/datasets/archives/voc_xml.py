"""Annotations in PASCAL VOC's XML, which ImageNet's boxes are written in too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from ...errors import BenchError
from ..sources.truth import Box


@dataclass(frozen=True)
class VocObject:
    """One object of a photograph: its class, its corners as the file has them, and VOC's flag ``difficult``."""

    name: str
    corners: Box
    difficult: bool


def voc_objects(path: Path) -> list[VocObject]:
    """The objects of a file, in its order.

    Raises:
        BenchError: it is not there, is not XML, or an object has no name or no box.
    """
    try:
        return [_read(node) for node in ElementTree.parse(path).getroot().iter("object")]
    except OSError as error:
        raise BenchError(f"the file cannot be read: {error.strerror}", where=path.name) from None
    except (ElementTree.ParseError, AttributeError, TypeError, ValueError) as error:
        raise BenchError(f"it is not an annotation in VOC's XML: {error}", where=path.name) from None


def _read(node: ElementTree.Element) -> VocObject:
    name = node.findtext("name")
    box = node.find("bndbox")
    if name is None or box is None:
        raise ValueError("an object has no name or no bndbox")
    corners = tuple(float(box.findtext(key) or "") for key in ("xmin", "ymin", "xmax", "ymax"))
    return VocObject(name.strip(), (corners[0], corners[1], corners[2], corners[3]), node.findtext("difficult") == "1")
