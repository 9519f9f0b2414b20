"""Which samples of a data set a study takes: the keys that every data set has besides its own parameters."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..errors import BenchError, nearest
from ..paths import expanded

_Share = Annotated[float, Field(ge=0, le=1)]


class Subset(BaseModel):
    """A part of a data set; what is not given takes all.

    The samples are taken in the study's seeded order, and the first ``samples`` that pass are kept: a larger study
    continues a smaller one.

    Attributes:
        classes: labels, as indices or as names of the data's classes, or of the network's where the data name none.
        per_class: the most samples of each label.
        right_only: whether the network's most likely class must be the label. Each network has a choice of its own.
        confidence: the least probability of the network's most likely class. Each network has a choice of its own.
        min_area, max_area: bounds of the object's share of the image as it is before pre-processing, by its mask, or by
            its boxes where it has no mask.
        ids: a text file with one sample's id on each line.

    Raises:
        BenchError: an unknown key, or a wrong value; it names the key.

    Example:
        >>> from benchbench.study.subset import Subset
        >>> Subset(classes="dog, 3", per_class="5", right_only="true").words
        'classes dog and 3, 5 of each class, right answers only'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: tuple[str | int, ...] = ()
    per_class: Annotated[int, Field(gt=0)] | None = None
    right_only: bool = False
    confidence: _Share | None = None
    min_area: _Share | None = None
    max_area: _Share | None = None
    ids: Path | None = None

    def __init__(self, **keys: Any) -> None:
        try:
            super().__init__(**keys)
        except ValidationError as error:
            first = error.errors()[0]
            key = str(first["loc"][0])
            if first["type"] == "extra_forbidden":
                raise BenchError(f"unknown key {key!r}", where="subset", hint=nearest(key, KEYS)) from None
            raise BenchError(f"{first['msg']} (got {first['input']!r})", where=f"subset: {key}") from None

    @field_validator("classes", mode="before")
    @classmethod
    def _listed(cls, classes: Any) -> Any:
        parts = classes.split(",") if isinstance(classes, str) else classes
        listed = list(parts) if isinstance(parts, (list, tuple)) else [parts]
        texts = [part.strip() if isinstance(part, str) else part for part in listed]
        return tuple(int(part) if _is_number(part) else part for part in texts if part != "")

    @field_validator("ids", mode="after")
    @classmethod
    def _home(cls, ids: Path | None) -> Path | None:
        return None if ids is None else expanded(ids)

    @property
    def asks_network(self) -> bool:
        """Whether the network decides."""
        return self.right_only or self.confidence is not None

    @property
    def asks_area(self) -> bool:
        """Whether the object's size decides."""
        return self.min_area is not None or self.max_area is not None

    @property
    def asks_label(self) -> bool:
        """Whether the label decides."""
        return bool(self.classes or self.per_class or self.right_only)

    @property
    def chosen_keys(self) -> dict[str, Any]:
        """The keys that are not at their defaults, as a study file says them."""
        values = {key: getattr(self, key) for key in KEYS}
        plain = {"classes": list(self.classes), "ids": str(self.ids) if self.ids else None}
        return {key: plain.get(key, value) for key, value in values.items() if value not in (None, (), False)}

    @property
    def words(self) -> str:
        """In words, for names and reports."""
        named = " and ".join(map(str, self.classes))
        parts = [
            f"class{'es' * (len(self.classes) > 1)} {named}" if named else "",
            f"{self.per_class} of each class" if self.per_class else "",
            "right answers only" if self.right_only else "",
            f"confidence from {self.confidence:g}" if self.confidence is not None else "",
            f"area from {self.min_area:g}" if self.min_area is not None else "",
            f"area to {self.max_area:g}" if self.max_area is not None else "",
            f"ids of {self.ids.name}" if self.ids else "",
        ]
        return ", ".join(part for part in parts if part)


def _is_number(part: Any) -> bool:
    """Whether it is a text of the digits 0 to 9; other digits are letters of a name."""
    return isinstance(part, str) and part.isascii() and part.isdigit() and len(part) < 10


KEYS = ("classes", "per_class", "right_only", "confidence", "min_area", "max_area", "ids")


def subset_in(item: Any, parameters: Collection[str]) -> tuple[Subset | None, Any]:
    """The subset that an item of ``datasets`` asks for, and the item without it.

    The keys stand in a mapping ``subset``, as ``subset.KEY``, or beside the data set's parameters, if it has none of
    that name.

    Args:
        item: of a study's list; whatever is no mapping has no subset.
        parameters: of the data set itself.

    Raises:
        BenchError: a key stands twice, is unknown, or has a wrong value.
    """
    if not isinstance(item, Mapping):
        return None, item
    keys: dict[str, Any] = {}
    rest: dict[Any, Any] = {}
    for key, value in item.items():
        name = key.partition("subset.")[2] if isinstance(key, str) and key.startswith("subset.") else ""
        if not name and key in KEYS and key not in parameters:
            name = str(key)
        if key == "subset" and "subset" not in parameters:
            if not isinstance(value, Mapping):
                raise BenchError(
                    f"cannot read {value!r}", where="subset", hint="Give a mapping: subset: {per_class: 5}"
                )
            _add(keys, {str(inner): part for inner, part in value.items()})
        elif name:
            _add(keys, {name: value})
        else:
            rest[key] = value
    return (Subset(**keys) if keys else None), rest


def _add(keys: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if key in keys:
            raise BenchError(f"{key} is given twice", where="subset", hint="Remove one of the two")
        keys[key] = value
