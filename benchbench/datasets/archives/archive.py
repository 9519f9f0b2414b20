"""What every data set of an archive has in common: where it comes from, and the one error that says what lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as resources
from pathlib import Path

from ...errors import BenchError

WNIDS = "imagenet_wnids.txt"


@dataclass(frozen=True)
class Archive:
    """An official archive.

    Attributes:
        name: of the data set, as studies call it.
        files: what to download.
        page: the official page that has it.
        layout: how the folder must look.
        licence: what the page says of use.
    """

    name: str
    files: str
    page: str
    layout: str
    licence: str

    @property
    def advice(self) -> str:
        """What to download, from where, and how the folder must look."""
        look = f"the folder must look like this: {self.layout}"
        return f"Download {self.files} from {self.page} and extract everything; {look}"

    def lacks(self, path: Path, key: str = "root") -> BenchError:
        """The error that ``path`` is not there: what to download, from where, and how the folder must look."""
        return BenchError(f"{path} is not there", where=key, hint=self.advice)

    def require(self, path: Path, key: str = "root") -> Path:
        """The path.

        Raises:
            BenchError: it is not there.
        """
        if not path.exists():
            raise self.lacks(path, key)
        return path

    def first(self, root: Path, names: Sequence[str]) -> Path:
        """The first of some folders of ``root`` that is there.

        Raises:
            BenchError: none is.
        """
        folder = next((root / name for name in names if (root / name).exists()), None)
        if folder is None:
            raise self.lacks(root / names[0])
        return folder

    def lines(self, path: Path) -> list[str]:
        """The lines of a text file that are not empty.

        Raises:
            BenchError: it is not there, or no text.
        """
        try:
            return [line.strip() for line in self.require(path).read_text("utf-8-sig").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise BenchError(f"{path.name} cannot be read: {error}", where=path.name) from None

    def about(self, root: Path, **more: str) -> dict[str, str]:
        """What the report says of the data."""
        return {"root": str(root), "source": self.page, **more, "licence": self.licence}


@cache
def imagenet_index() -> dict[str, int]:
    """By WordNet id, ImageNet-1k's class index: the ids of the 1000 classes in sorted order.

    Example:
        >>> from benchbench.datasets.archives.archive import imagenet_index
        >>> imagenet_index()["n01440764"], imagenet_index()["n02123045"]
        (0, 281)
    """
    text = (resources(__package__) / WNIDS).read_text("utf-8")
    return {wnid: i for i, wnid in enumerate(text.split())}


def photographs(folder: Path) -> list[Path]:
    """The JPEG and PNG files of a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))


def wnid_folders(folder: Path) -> list[Path]:
    """The sub-folders that are named by a WordNet id of ImageNet-1k, by name."""
    known = imagenet_index()
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name in known)
