"""docs/data: a page per data set of an archive, from the registry and the archive's own record; and the index's rows.

Run as ``python -m tests.docs.data_pages``; the texts are tested to be what it writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchbench.datasets.archives.archive import Archive
from benchbench.datasets.archives.coco import COCO
from benchbench.datasets.archives.cub200 import CUB
from benchbench.datasets.archives.imagenet import IMAGENET
from benchbench.datasets.archives.imagenet_s import IMAGENET_S
from benchbench.datasets.archives.imagenette import IMAGENETTE, IMAGEWOOF
from benchbench.datasets.archives.oxford_pets import PETS
from benchbench.datasets.archives.pairs import PAIRS
from benchbench.datasets.archives.voc import VOC2007, VOC2012
from benchbench.registry import DATASETS, DatasetPlugin
from benchbench.registry.parameter import Parameter

from .pages import ROOT

FOLDER = ROOT / "docs" / "data"


@dataclass(frozen=True)
class Facts:
    """What the registry does not know of a data set.

    Attributes:
        study: its line in a study file.
        metrics: some that its truth is for.
        truth: what it gives, in words.
        pitfalls: what to know before trusting a number, each a sentence or two.
        archive: where it is from; None of data of one's own.
        source: of data of one's own, what to have or to download, and from where.
        layout: of data of one's own, how the folder must look.
    """

    study: str
    metrics: str
    truth: str
    pitfalls: tuple[str, ...]
    archive: Archive | None = None
    source: str = ""
    layout: str = ""


_SEVERAL = (
    "An image with several classes is several samples of one group. Tests and intervals count the group once. `target: "
    "label` explains each sample's own class; `target: predicted` explains the same class for all samples of the "
    "image, "
    "and the truth is still that of the sample's class."
)
_NAMES = (
    "Labels are matched with the network's classes by name. Classes that the network does not have give samples "
    "without "
    "a label, and one warning says so. Only a few classes have an exact counterpart in ImageNet: see "
    "[class names](README.md#class-names)."
)
_TEN = (
    "Labels are ImageNet's 1000 indices. For a network that was trained on the ten classes alone give its names "
    "(`ModelSpec(..., classes=...)`, in the order of its outputs): labels follow the names. Without names its samples "
    "have no label, and a warning says so. See [class names](README.md#class-names)."
)
_THOUSAND = (
    "Labels follow the names of the network's outputs, if it has names. A network of other than 1000 outputs without "
    "names (ImageNet-21k, or 1001 with a background) gives samples without a label, and a warning says so: see "
    "[class names](README.md#class-names)."
)
FACTS: dict[str, Facts] = {
    "imagenet": Facts(
        "{name: imagenet, root: data/imagenet, per_class: 1}",
        "max_box_acc_v2, pointing_game",
        "boxes, where their archive is there; no masks",
        (
            "The development kit numbers the classes in an order of its own. benchbench maps its numbers to WordNet "
            "ids by "
            "meta.mat, and these to the usual 1000 indices. A list of labels from elsewhere may be in the kit's order.",
            "In class folders only the folders of ImageNet's 1000 WordNet ids are read. An incomplete copy keeps "
            "its true "
            "class indices.",
            _THOUSAND,
            "Boxes may lie outside of the centre crop: a box that is cut away whole is dropped, and an image with none "
            "left is not applicable.",
        ),
        IMAGENET,
    ),
    "imagenette": Facts(
        "{name: imagenette, root: data}",
        "deletion, insertion",
        "none",
        (_TEN,),
        IMAGENETTE,
    ),
    "imagewoof": Facts(
        "{name: imagewoof, root: data}",
        "deletion, insertion",
        "none",
        (_TEN,),
        IMAGEWOOF,
    ),
    "imagenet_s": Facts(
        "{name: imagenet_s, root: data/imagenet-s, size: 50}",
        "pxap, iou, max_box_acc",
        "masks of the image's class; boxes around these where a metric takes boxes",
        (
            "The numbers in the masks depend on the size (50, 300 or 919), so a folder with other numbers of "
            "classes is "
            "refused.",
            "Pixels that the masks mark as ignored (1000) are no object. The seeds of the suite `localisation` leave "
            "them out; other metrics count them as background.",
            _THOUSAND,
            "The masks of the test images are not public.",
        ),
        IMAGENET_S,
    ),
    "voc2007": Facts(
        "{name: voc2007, root: data, split: test}",
        "pointing_game, energy_pointing_game@scorecam-box",
        "boxes; with `truth: segmentation` boxes and masks",
        (_SEVERAL, _NAMES, "The pointing game on VOC 2007 test is the usual table of the literature."),
        VOC2007,
    ),
    "voc2012": Facts(
        "{name: voc2012, root: data, truth: segmentation}",
        "pointing_game, max_box_acc_v2, iou",
        "boxes; with `truth: segmentation` boxes and masks",
        (_SEVERAL, _NAMES, "Objects that VOC marks as difficult are left out unless `difficult: true`."),
        VOC2012,
    ),
    "coco": Facts(
        "{name: coco, root: data/coco, min_area: 0.01}",
        "pointing_game, pxap, max_box_acc_v2",
        "boxes and masks",
        (
            _SEVERAL,
            _NAMES,
            "A crowd (`iscrowd`) is no object. The seeds of the suite `localisation` leave its pixels out in all "
            "samples of the image; other metrics count them as background.",
            "Many objects are smaller than a cell of a network's last layer: `min_area: 0.01` leaves out those "
            "below 1 % "
            "of the image.",
        ),
        COCO,
    ),
    "oxford_pets": Facts(
        "{name: oxford_pets, root: data/pets}",
        "pxap, iou, pointing_game",
        "masks of the animal; with `heads: true` also boxes of heads, on some images",
        (
            "The border of the trimap is about a tenth of the image. It belongs to the object here: choose with "
            "`border`.",
            "With `border: inside` the border is no object: the seeds of the suite `localisation` leave it out, and "
            "other metrics count it as background.",
            "A box is of the head alone, so box metrics with `heads: true` ask another question than mask metrics.",
        ),
        PETS,
    ),
    "cub200": Facts(
        "{name: cub200, root: data/cub}",
        "max_box_acc, max_box_acc_v2, pxap",
        "a box for each image; masks where segmentations.tgz is there; with `parts` discs around the visible parts, in "
        "place of both",
        (
            "wsolevaluation resizes images to 224 x 224 without a crop. To compare with its figures, give the network "
            "`Preprocess(resize=None, crop=224)`.",
            "For parts write `{name: cub200, root: data/cub, parts: [beak, left eye]}`, or on the command line "
            '`cub200:root=data/cub:parts="beak,left eye"`. With several parts a map is right at any of them: for PCK '
            "by part, give a data set for each part.",
            "`pointing_game` alone allows 15 pixels more around the discs: `pointing_game@exact` is PCK. If the crop "
            "cuts all wanted parts away, metrics are not applicable to the image.",
            "Some articles measure PCK on CUB by the longer side of an image that is cropped to the bird.",
        ),
        CUB,
    ),
    "pairs": Facts(
        "{name: pairs, root: data/ecssd}",
        "pxap, iou",
        "masks",
        (
            "A mask may be a picture of one bit (white is object), of a palette (its colours count), of 16 bits "
            "(divided by 257) or of colours. A mask of 0 and 1 is refused unless `level` is 1.",
            "There are no labels, so accuracy is unknown, and the masked object need not be of the predicted class. "
            "Look "
            "at the gallery of the report.",
        ),
        PAIRS,
    ),
    "csv": Facts(
        "{name: csv, table: data/table.csv}",
        "pointing_game, max_box_acc_v2",
        "boxes and masks, where the table has their columns",
        (
            "If any label is not a number, all are names, also those that look like numbers.",
            "Boxes are x0, y0, x1, y1 with x1 - x0 the width. Subtract 1 from x0 and y0 of VOC's corners; add x and "
            "y to "
            "COCO's width and height.",
            "A label is an integer of at least 0, also written 3.0. A negative number or a fraction among numbers is "
            "refused: leave the cell empty where the label is unknown.",
            "Labels that are numbers count by number: a network of other classes gets wrong labels without a warning. "
            "Names are matched with the network's: see [class names](README.md#class-names).",
        ),
        source="Your own data: nothing to download",
        layout=(
            "The table, and the photographs and masks at the paths that it names, relative to its own folder or to "
            "`root`. With the header `file,label,mask,group,x0,y0,x1,y1` a row is "
            "`images/a.jpg,dog,masks/a.png,patient-1,10,20,110,220`"
        ),
    ),
    "huggingface": Facts(
        "{name: huggingface, root: data/beans, split: validation, label: labels}",
        "deletion, insertion",
        "masks, where `mask` names their column; no boxes",
        (
            "`load_dataset` uses the network and its cache; benchbench does not call it. Save the data once with "
            "`save_to_disk`.",
            "Each row is decoded to know whether its content changed, so a start on a large split takes as long as "
            "decoding it.",
        ),
        source=(
            "<https://huggingface.co/datasets>. On a machine with a network: "
            '`datasets.load_dataset("AI-Lab-Makerere/beans", split="validation").save_to_disk("data/beans")`. '
            "Licence: as the page of the data set says"
        ),
        layout=(
            "ROOT/dataset_info.json, ROOT/state.json and ROOT/data-00000-of-00001.arrow; of several splits "
            "ROOT/dataset_dict.json and such a folder for each split, which `split` names"
        ),
    ),
}


def page(plugin: DatasetPlugin) -> str:
    """The page's text."""
    facts = FACTS[plugin.name]
    lines = [f"# {_title(plugin)}", "", f"In study files: `{plugin.name}`.", "", _paragraphs(plugin), ""]
    lines += [f"**Truth.** {facts.truth[0].upper()}{facts.truth[1:]}.", ""]
    if facts.archive is not None:
        files = facts.archive.files.rstrip(",")
        lines += [f"**From.** <{facts.archive.page}>: {files}. Licence: {facts.archive.licence}.", ""]
        lines += [f"**Folder.** {facts.archive.layout.removesuffix(' ...')}.", ""]
    else:
        lines += [f"**From.** {facts.source}.", "", f"**Folder.** {facts.layout}.", ""]
    study = f"datasets: [{facts.study}]\nmodels: [resnet50]\nmethods: [gradcam, random]\n"
    study += f"metrics: [{facts.metrics}]\nsamples: 64"
    lines += ["```yaml", study, "```", "", "| parameter | type | default |", "|---|---|---|"]
    lines += [f"| `{p.name}` | {p.type_name.replace('|', 'or')} | {_default(p)} |" for p in plugin.parameters.values()]
    lines += ["", "It also takes the keys of every [subset](README.md#subsets).", "", "**Pitfalls.**", ""]
    lines += [f"- {pitfall}" for pitfall in facts.pitfalls]
    return "\n".join(lines) + "\n"


def _default(parameter: Parameter) -> str:
    """As the table of parameters has it."""
    if parameter.required:
        return "required"
    return (
        "none" if parameter.default in (None, ()) else f"`{parameter.default}`" if parameter.default != "" else '`""`'
    )


def _title(plugin: DatasetPlugin) -> str:
    named = {"pairs": "Images and masks in two folders", "csv": "A table", "huggingface": "Hugging Face data on disk"}
    shown = {p.name: Path("ROOT") if p.required else p.default for p in plugin.parameters.values()}
    return named.get(plugin.name, plugin.display_name(shown))


def _paragraphs(plugin: DatasetPlugin) -> str:
    """The docstring up to its arguments, and what they mean."""
    text = plugin.function.__doc__ or ""
    blocks = [block.strip() for block in text.strip().split("\n\n")]
    prose = [" ".join(block.split()) for block in blocks if not block.startswith(("Args:", "Raises:"))]
    listed = next((block for block in blocks if block.startswith("Args:")), "")
    arguments: list[str] = []
    for line in listed.splitlines()[1:]:
        if line.startswith(" " * 12):
            arguments[-1] += " " + line.strip()
        else:
            name, _, rest = line.strip().partition(": ")
            arguments.append(f"- `{name}`: {rest}")
    return "\n\n".join([*prose, "\n".join(arguments)]).replace("``", "`")


def rows() -> list[str]:
    """The lines of the table in docs/data/README.md, which is written by hand else."""
    return [
        f"| [`{name}`]({name}.md) | {DATASETS[name].summary.replace('``', '`')} | {facts.truth} |"
        for name, facts in FACTS.items()
    ]


def pages() -> dict[str, str]:
    """By file name: every text."""
    return {f"{name}.md": page(DATASETS[name]) for name in FACTS}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
