"""Reads a page back, with the standard library's parser: tables as text, and every attribute that loads something."""

from __future__ import annotations

import gzip
import io
import json
from base64 import b64decode
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

LOADING = {"src", "srcset", "data", "poster", "background", "action", "formaction", "ping"}
VOID = {"meta", "link", "img", "input", "br", "hr", "col"}


@dataclass
class Element:
    """A tag with its attributes.

    Attributes:
        texts: of the whole page, in order; those inside the element are from ``start`` to ``end``.
    """

    tag: str
    attributes: dict[str, str]
    texts: list[str] = field(repr=False)
    start: int = 0
    end: int = 0
    inside: list[Element] = field(default_factory=list)

    @cached_property
    def text(self) -> str:
        """All the text inside."""
        return "".join(self.texts[self.start : self.end])

    def all(self, tag: str) -> list[Element]:
        children = [element for element in self.inside if element.tag == tag]
        return children + [deep for element in self.inside for deep in element.all(tag)]

    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.root = Element("document", {}, self.texts)
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = len(self.texts)
        element = Element(tag, {name: value or "" for name, value in attrs}, self.texts, at, at)
        self.open[-1].inside.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop().end = len(self.texts)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(page: str) -> Element:
    """The page's elements; an assertion fails where tags are not nested."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert len(reader.open) == 1
    assert reader.open[0] is reader.root
    reader.root.end = len(reader.texts)
    return reader.root


def every(root: Element) -> list[Element]:
    return [root, *(deep for element in root.inside for deep in every(element))]


def words(text: str) -> str:
    return " ".join(text.split())


def section(root: Element, name: str) -> Element:
    """The section under the heading of that id."""
    (element,) = [e for e in root.all("section") if e.attributes.get("aria-labelledby") == name]
    return element


def levels(uri: str) -> npt.NDArray[np.uint8]:
    """The grey levels (h, w) of a map's address."""
    with Image.open(io.BytesIO(b64decode(uri.partition(",")[2]))) as picture:
        assert picture.mode == "L"
        return np.array(picture)


def packed_json(root: Element, id: str) -> Any:
    """What a script of the page holds as compressed JSON."""
    (script,) = [element for element in root.all("script") if element.attributes.get("id") == id]
    return json.loads(gzip.decompress(b64decode(script.text)))
