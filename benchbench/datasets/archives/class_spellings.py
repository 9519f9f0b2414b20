"""The names of classes: which are alike, which class of ImageNet a name is, and which names mean several things."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files as resources

from ...models.load import imagenet_classes
from .archive import imagenet_index

TABLE = "imagenet_counterparts.csv"
HOMONYMS = "imagenet_homonyms.csv"
_APART = re.compile(r"[\s_\-]+")
HALF, STRAYS, NEARLY_ALL = 500, 10, 900  # of ImageNet's 1000 names, which lists write in slightly different ways


def plain_name(name: str) -> str:
    """Without case, underscores, hyphens and spaces.

    Example:
        >>> from benchbench.datasets.archives.class_spellings import plain_name
        >>> plain_name("Dining_Table")
        'diningtable'
    """
    return _APART.sub("", name).casefold()


def spelled_alike(first: str, second: str) -> bool:
    """Whether two names are one, case, underscores, hyphens and spaces apart."""
    return plain_name(first) == plain_name(second)


@cache
def imagenet_counterparts(data: str = "") -> Mapping[str, int]:
    """By plain name of a class, the class index of ImageNet that means the same, where exactly one does.

    The table is in imagenet_counterparts.csv. It has no class that ImageNet splits (dog, cat, car), and none whose
    likeness is a matter of opinion.

    Args:
        data: the data set whose classes these are: ``coco``, ``voc`` or ``oxford_pets``. If not given, the names that
            mean the same whatever the data are: not ``mouse``, which is a device in COCO and may be an animal.

    Example:
        >>> from benchbench.datasets.archives.class_spellings import imagenet_counterparts
        >>> imagenet_counterparts()["zebra"], "dog" in imagenet_counterparts()
        (340, False)
        >>> "mouse" in imagenet_counterparts(), imagenet_counterparts("coco")["mouse"]
        (False, 673)
    """
    rows = {plain_name(row["name"]): row for row in _table(TABLE)}
    return {
        name: int(row["imagenet"])
        for name, row in rows.items()
        if (data in row["data"].split() if data else not is_homonym(name))
    }


def is_homonym(name: str) -> bool:
    """Whether an ImageNet name may mean something else elsewhere, by imagenet_homonyms.csv: a kite, a crane, a mouse.

    Some of them are classes whose meaning another class of ImageNet has too: a laptop is also its ``notebook``.
    """
    return _first(name) in _homonyms()


def imagenet_numbers(names: Sequence[str]) -> list[int | None]:
    """The class index of ImageNet that each name is, or None: by WordNet id, or by torchvision's name.

    Of synonyms with commas, as in ``tench, Tinca tinca``, the first counts. A plain name that two classes of ImageNet
    have (``Cardigan`` the dog, ``cardigan`` the jacket) is neither, if it is not written exactly as one of them.

    Example:
        >>> from benchbench.datasets.archives.class_spellings import imagenet_numbers
        >>> imagenet_numbers(["n01440764", "Golden_Retriever", "tench, Tinca tinca", "unicorn"])
        [0, 207, 0, None]
    """
    exact, plain = _imagenet_names()
    return [exact.get(name, plain.get(_first(name))) for name in names]


def in_imagenet_order(names: Sequence[str]) -> bool:
    """Whether these are ImageNet's 1000 names in its order: half of them or more stand at its index, few elsewhere."""
    if len(names) != len(imagenet_index()):
        return False
    numbers = imagenet_numbers(names)
    home = sum(number == k for k, number in enumerate(numbers))
    strays = sum(number not in (None, k) for k, number in enumerate(numbers))
    return home >= HALF and strays <= STRAYS


def are_imagenets(names: Sequence[str]) -> bool:
    """Whether these are ImageNet's names, in its order, or in another one, perhaps with others beside them."""
    if len(names) < NEARLY_ALL:
        return False
    return in_imagenet_order(names) or len({n for n in imagenet_numbers(names) if n is not None}) >= NEARLY_ALL


def _first(name: str) -> str:
    """The plain name of the first of some synonyms."""
    return plain_name(name.partition(",")[0])


@cache
def _imagenet_names() -> tuple[Mapping[str, int], Mapping[str, int]]:
    """By WordNet id or exact name, and by plain name, ImageNet's class index."""
    names = imagenet_classes()
    counts = Counter(map(plain_name, names))
    exact = {**{name: k for k, name in enumerate(names)}, **imagenet_index()}
    return exact, {plain_name(name): k for k, name in enumerate(names) if counts[plain_name(name)] == 1}


@cache
def _homonyms() -> frozenset[str]:
    return frozenset(plain_name(row["name"]) for row in _table(HOMONYMS))


def _table(file: str) -> list[dict[str, str]]:
    return list(csv.DictReader((resources(__package__) / file).read_text("utf-8").splitlines()))
