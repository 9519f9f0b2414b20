"""``python -m tests.docs.gallery``: the pictures of docs/gallery, each made by the command that its page shows."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from skimage import data

from benchbench.datasets.builtin.photos import photos

from ..cli.commands import benchbench

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "gallery"
TWENTY = (
    "gradcam,gradcam++,xgradcam,hirescam,layercam,eigencam,eigengradcam,scorecam,ablationcam,shapleycam,"
    "fem,kpcacam,cam,occlusion,rise,integratedgradients,smoothgrad,guidedig,blurig,xrai"
)


@dataclass(frozen=True)
class GalleryPage:
    """One page.

    Attributes:
        photograph: the file that the command reads; ``words``: of the command, without the files.
        text: what is seen, and what it means.
    """

    name: str
    title: str
    photograph: str
    words: str
    text: str

    @property
    def command(self) -> str:
        return f"benchbench explain {self.photograph} {self.words} --out {self.name}.jpg"

    def markdown(self) -> str:
        return (
            f"# {self.title}\n\n```bash\n{self.command}\n```\n\n![{self.title}]({self.name}.jpg)\n\n{self.text}\n\n"
            f"The photograph is {SOURCES[self.photograph]}. [All pages](README.md); [the options](../looking.md).\n"
        )


SOURCES = {
    "cat.jpg": "`skimage.data.chelsea()`",
    "coffee.jpg": "`skimage.data.coffee()`",
    "geese.jpg": "`imagenet_15_99` of the data set [`photos`](../data/README.md)",
}
PAGES = (
    GalleryPage(
        "every-class",
        "Every class of one image",
        "coffee.jpg",
        "--classes top5",
        "The five most likely classes by Grad-CAM. A map says where a class is seen, not that it is there: every class "
        "has a map, also one with a probability near 0. Maps of related classes look alike. The metric "
        "`class_contrast` ([metrics](../metrics.md)) measures how much maps of two classes differ.",
    ),
    GalleryPage(
        "every-layer",
        "Every layer of one network",
        "cat.jpg",
        "--layers stages --methods gradcam,layercam",
        "The rows are the stages of the network, from early to late. Early layers see edges and textures in high "
        "resolution; the last layer sees the object in few cells. Which layer is best is a question for a study: the "
        "suite [`depth`](../suites/depth.md) chooses it on one half of the images and scores it on the other.",
    ),
    GalleryPage(
        "several-instances",
        "Several instances of one class",
        "geese.jpg",
        "--methods gradcam,gradcam++,layercam,scorecam --scores",
        "Three geese, and a network that is sure of the class. All four maps are highest beside the left goose; the "
        "other two have lower values. Grad-CAM++, whose paper aims at several instances of a class, differs little "
        "from Grad-CAM here. Deletion and insertion stand below each map. One photograph is no proof: the suite "
        "[`weaknesses`](../suites/weaknesses.md) asks the question with scenes whose truth is known.",
    ),
    GalleryPage(
        "twenty-methods",
        "Twenty methods on one image",
        "cat.jpg",
        f"--methods {TWENTY}",
        "Twenty methods for the same image, network and class. They differ, and looking at them does not tell which of "
        "them are right. `benchbench run` measures it.",
    ),
)


def photographs(folder: Path) -> None:
    """Write the photographs that the commands read."""
    geese = photos()
    picture = geese[geese.ids.index("imagenet_15_99")].image
    assert isinstance(picture, Image.Image)
    cat, coffee = Image.fromarray(data.chelsea()), Image.fromarray(data.coffee())
    for name, each in (("cat.jpg", cat), ("coffee.jpg", coffee), ("geese.jpg", picture)):
        each.convert("RGB").save(folder / name, quality=92)


def index() -> str:
    """The page that lists the others."""
    lines = [f"- [{page.title}]({page.name}.md)" for page in PAGES]
    options = "[Maps of your own pictures](../looking.md) has all options."
    head = f"# Gallery\n\nPictures, each with the command that made it. {options}\n"
    return "\n".join([head, *lines, ""])


def texts() -> dict[str, str]:
    """By file, the text of every page."""
    return {"README.md": index(), **{f"{page.name}.md": page.markdown() for page in PAGES}}


def draw(page: GalleryPage, folder: Path, run: Callable[[list[str]], None]) -> Path:
    """The picture of a page, made by its command."""
    run(page.command.split()[1:])
    return folder / f"{page.name}.jpg"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photographs(folder)

        def run(words: list[str]) -> None:
            done = benchbench(*words, cwd=folder)
            if done.returncode:
                sys.exit(done.stderr)

        for page in PAGES:
            shutil.copy(draw(page, folder, run), FOLDER / f"{page.name}.jpg")
            print(page.command)
    for file, text in texts().items():
        (FOLDER / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
