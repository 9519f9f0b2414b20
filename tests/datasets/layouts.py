"""Small copies of the official archives: their folders and file names, with pictures of 24 x 16 pixels."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

SIZE = (24, 16)  # width, height
DOG, CAT, TENCH = "n02099601", "n02123045", "n01440764"  # 207, 281, 0
WNIDS = {DOG: 207, CAT: 281, TENCH: 0}


def photo(path: Path, seed: int = 0, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).save(path, format="PNG" if path.suffix == ".png" else "JPEG")


def grey(path: Path, values: np.ndarray, palette: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values.astype(np.uint8), mode="L")
    if palette:
        image = Image.fromarray(values.astype(np.uint8), mode="L").convert("P")
        image.putdata(values.astype(int).ravel().tolist())
        image.putpalette([(7 * i) % 256 for i in range(768)])
    image.save(path)


def region(x0: int, y0: int, x1: int, y1: int, value: int = 1) -> np.ndarray:
    """(16, 24): a value in a half-open box."""
    values = np.zeros((SIZE[1], SIZE[0]), np.int64)
    values[y0:y1, x0:x1] = value
    return values


def xml(path: Path, objects: Sequence[tuple[str, tuple[int, int, int, int], bool]]) -> None:
    """An annotation as VOC writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [
        f"<object><name>{name}</name><pose>Unspecified</pose><truncated>0</truncated><difficult>{int(hard)}</difficult>"
        f"<bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        for name, (x0, y0, x1, y1), hard in objects
    ]
    size = f"<size><width>{SIZE[0]}</width><height>{SIZE[1]}</height><depth>3</depth></size>"
    path.write_text(f"<annotation><filename>{path.stem}.jpg</filename>{size}{''.join(parts)}</annotation>")


def imagenet_devkit(root: Path) -> None:
    """Three images: a dog, a cat, a tench; the kit numbers classes in another order than WordNet ids."""
    data = root / "ILSVRC2012_devkit_t12" / "data"
    data.mkdir(parents=True)
    kinds = np.dtype([("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "O")])
    rows = [
        (1, DOG, "golden retriever", "", 0),
        (2, TENCH, "tench", "", 0),
        (3, CAT, "tabby", "", 0),
        (1001, "n00000001", "all", "", 3),
    ]
    savemat(data / "meta.mat", {"synsets": np.array(rows, kinds)})
    (data / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n3\n2\n")
    for k in (1, 2, 3):
        photo(root / "ILSVRC2012_img_val" / f"ILSVRC2012_val_{k:08d}.JPEG", k)
    boxes = root / "ILSVRC2012_bbox_val_v3" / "val"
    xml(boxes / "ILSVRC2012_val_00000001.xml", [(DOG, (2, 3, 12, 9), False), (CAT, (0, 0, 4, 4), False)])
    xml(boxes / "ILSVRC2012_val_00000002.xml", [(CAT, (5, 5, 20, 15), False), (CAT, (1, 1, 3, 3), False)])


def imagenet_folders(root: Path) -> None:
    for k, wnid in enumerate(WNIDS):
        photo(root / "val" / wnid / f"ILSVRC2012_val_{k + 1:08d}.JPEG", k)


def imagenet_kaggle(root: Path) -> None:
    rows = [
        ("ILSVRC2012_val_00000002", f"{CAT} 5 5 20 15 {CAT} 1 1 3 3 "),
        ("ILSVRC2012_val_00000001", f"{DOG} 2 3 12 9 "),
    ]
    for name, _ in rows:
        photo(root / "ILSVRC/Data/CLS-LOC/val" / f"{name}.JPEG")
    with (root / "LOC_val_solution.csv").open("w", newline="") as text:
        csv.writer(text).writerows([("ImageId", "PredictionString"), *rows])


def imagenet_s(root: Path, classes: Sequence[str]) -> None:
    """An image of each class, whose number fills a box; some of it is ignored."""
    for number, wnid in enumerate(sorted(classes), 1):
        name = f"ILSVRC2012_val_{number:08d}"
        photo(root / "ImageNetS50/validation" / wnid / f"{name}.JPEG", number)
        values = region(2, 2, 8, 10, number) + region(10, 2, 12, 4, 1000)
        colours = np.stack([values % 256, values // 256, np.zeros_like(values)], 2).astype(np.uint8)
        path = root / "ImageNetS50/validation-segmentation" / wnid / f"{name}.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(colours).save(path)


def voc(root: Path, year: str, split: str) -> None:
    """A dog, two persons (one difficult) and a difficult cat; and an image of a bus alone."""
    home = root / "VOCdevkit" / f"VOC{year}"
    for k, (name, objects) in enumerate(
        {
            "2007_000032": [
                ("dog", (3, 2, 12, 9), False),
                ("person", (14, 1, 20, 16), False),
                ("person", (1, 1, 2, 2), True),
                ("cat", (5, 5, 6, 6), True),
            ],
            "2007_000042": [("bus", (1, 1, 24, 16), False)],
        }.items()
    ):
        photo(home / "JPEGImages" / f"{name}.jpg", k)
        xml(home / "Annotations" / f"{name}.xml", objects)
        mask = (
            region(2, 1, 12, 9, 12) + region(14, 0, 20, 16, 15) + region(0, 0, 1, 1, 255)
            if k == 0
            else region(0, 0, 24, 16, 6)
        )
        grey(home / "SegmentationClass" / f"{name}.png", mask, palette=True)
    for folder, names in (("Main", "2007_000032\n2007_000042\n"), ("Segmentation", "2007_000032\n")):
        (home / "ImageSets" / folder).mkdir(parents=True)
        (home / "ImageSets" / folder / f"{split}.txt").write_text(names)


def coco(root: Path) -> None:
    """Two cats, one as polygon and one as run lengths, a bowl, a crowd of cats, and a crowd of persons alone."""
    photo(root / "val2017/000000000139.jpg", 1)
    photo(root / "val2017/000000000285.jpg", 2)
    polygon = [[2, 2, 8, 2, 8, 10, 2, 10]]
    runs = {"size": [16, 24], "counts": [16 * 20, 4, 12, 4, 16 * 24 - 16 * 20 - 20]}
    base = {"iscrowd": 0, "image_id": 139, "area": 1}
    notes = [
        {**base, "id": 1, "category_id": 17, "bbox": [2, 2, 6, 8], "segmentation": polygon},
        {**base, "id": 2, "category_id": 17, "bbox": [20, 0, 2, 4], "segmentation": runs},
        {**base, "id": 3, "category_id": 51, "bbox": [10.5, 5, 4, 4], "segmentation": [[10, 5, 15, 5, 15, 9, 10, 9]]},
        {**base, "id": 4, "category_id": 17, "bbox": [0, 12, 24, 4], "segmentation": runs, "iscrowd": 1},
        {**base, "id": 5, "category_id": 1, "image_id": 285, "bbox": [0, 0, 9, 9], "segmentation": runs, "iscrowd": 1},
    ]
    images = [{"id": k, "file_name": f"{k:012d}.jpg", "width": 24, "height": 16} for k in (285, 139)]
    categories = [{"id": k, "name": name} for k, name in ((1, "person"), (51, "bowl"), (17, "cat"))]
    file = root / "annotations/instances_val2017.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"images": images, "annotations": notes, "categories": categories}))


def pets(root: Path) -> None:
    lists = {"Abyssinian_1": (1, 1), "Abyssinian_2": (1, 1), "american_bulldog_10": (2, 2)}
    for k, name in enumerate(lists):
        photo(root / "images" / f"{name}.jpg", k)
        trimap = np.full((16, 24), 2)
        trimap[2:10, 2:12], trimap[4:8, 4:10] = 3, 1
        grey(root / "annotations/trimaps" / f"{name}.png", trimap)
    xml(root / "annotations/xmls/Abyssinian_1.xml", [("cat", (3, 3, 8, 8), False)])
    lines = "".join(f"{name} {breed} {kind} 1\n" for name, (breed, kind) in lists.items())
    (root / "annotations/test.txt").write_text(lines)


def cub(root: Path, masks: bool = True) -> None:
    home = root / "CUB_200_2011"
    names = {
        1: "001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg",
        2: "002.Laysan_Albatross/Laysan_Albatross_0002_1027.jpg",
    }
    for k, name in names.items():
        photo(home / "images" / name, k)
        if masks:
            agreed = region(2, 2, 12, 10, 102) + region(4, 4, 10, 8, 102)  # two fifths, and four fifths
            grey((root / "segmentations" / name).with_suffix(".png"), agreed)
    texts = {
        "images.txt": "".join(f"{k} {name}\n" for k, name in names.items()),
        "image_class_labels.txt": "1 1\n2 2\n",
        "train_test_split.txt": "1 0\n2 1\n",
        "bounding_boxes.txt": "1 4.0 4.0 6.0 4.0\n2 0.0 0.0 24.0 16.0\n",
        "classes.txt": "1 001.Black_footed_Albatross\n2 002.Laysan_Albatross\n",
    }
    for name, text in texts.items():
        (home / name).write_text(text)


CUB_PARTS = (
    *("back", "beak", "belly", "breast", "crown", "forehead", "left eye", "left leg"),
    *("left wing", "nape", "right eye", "right leg", "right wing", "tail", "throat"),
)


def cub_parts(root: Path, visible: Mapping[int, Mapping[str, tuple[float, float]]]) -> None:
    """The folder of parts beside ``cub``: of both images a line for each part, with zeros where it is not visible."""
    folder = root / "CUB_200_2011/parts"
    folder.mkdir()
    (folder / "parts.txt").write_text("".join(f"{k} {name}\n" for k, name in enumerate(CUB_PARTS, 1)))
    lines = []
    for image in (1, 2):
        for part, name in enumerate(CUB_PARTS, 1):
            x, y = visible.get(image, {}).get(name, (0.0, 0.0))
            lines.append(f"{image} {part} {x} {y} {int(name in visible.get(image, {}))}\n")
    (folder / "part_locs.txt").write_text("".join(lines))


def ecssd(root: Path) -> None:
    for k in (1, 2):
        photo(root / "images" / f"{k:04d}.jpg", k)
        grey(root / "ground_truth_mask" / f"{k:04d}.png", region(2, 2, 12, 10, 255) + region(20, 2, 22, 4, 60))
