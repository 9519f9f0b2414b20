"""The twenty ImageNet photographs that the package foolbox brings along."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from pathlib import Path

from ...errors import BenchError
from ...models.load import imagenet_classes
from ...registry import dataset
from ..sources.file_dataset import Files, Item

_NAME = re.compile(r"imagenet_([0-9]{2})_([0-9]+)\.jpg")
_INSTALL = "pip install 'benchbench-saliency[demo]'"


@dataset("photos", title="20 ImageNet photographs")
def photos() -> Files:
    """Twenty labelled ImageNet photographs, read from the installed package foolbox.

    Labels are ImageNet-1k class indices, as the files' names say, with ImageNet's class names; two photographs share
    class 609. Ids are the files' names without their extension. There are no masks. Twenty photographs show how things
    work, and are far too few to rank anything. foolbox is found, not imported.

    Raises:
        BenchError: foolbox is not installed, or without its data files.
    """
    folder = _folder()
    matches = [(path, match) for path in sorted(folder.glob("imagenet_*.jpg")) if (match := _NAME.fullmatch(path.name))]
    if not matches:
        raise BenchError("the installed foolbox has no ImageNet photographs", where="photos", hint=_INSTALL)
    version = importlib.metadata.version("foolbox")
    about = {
        "source": f"{len(matches)} ImageNet photographs in the package foolbox {version}, data/imagenet_NN_LABEL.jpg",
        "labels": "ImageNet-1k class indices, from the files' names",
        "licence": "foolbox is under the MIT licence; the photographs are from ImageNet and belong to their owners",
    }
    items = [Item(path.stem, path, int(match[2])) for path, match in matches]
    return Files("photos", items, about, class_names=imagenet_classes())


def _folder() -> Path:
    spec = importlib.util.find_spec("foolbox")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / "data").is_dir():
            return Path(place) / "data"
    raise BenchError("the package foolbox is not installed", where="photos", hint=_INSTALL)
