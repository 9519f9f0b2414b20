"""``--suite localisation`` on a VOC layout, from the command line: every figure again from stored maps, plainly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, zoom

import benchbench as bb
from benchbench.datasets.archives.voc import CLASSES
from benchbench.engine.sample_loader import load_sample
from benchbench.errors import BenchError
from benchbench.evaluation.held_out import fold_of
from benchbench.maps.normalise import saliency
from benchbench.registry import DATASETS, SUITES
from benchbench.suites.localisation.segmentation_seeds import NO_TARGET, PART

from ..cli.commands import benchbench
from ..datasets.layouts import grey, photo, region, xml
from ..metrics.plain_maps import pxap
from ..metrics.test_boxes import authors_boxes, overlap
from ..networks import Pooled, seeded
from . import boxes_plain
from . import seeds_plain as plain

SIDE = 32
PREPROCESS = bb.Preprocess(resize=SIDE, crop=SIDE, mean=(0.5,) * 3, std=(0.25,) * 3)
NET = """
import torch, benchbench as bb
from benchbench.datasets.archives.voc import CLASSES
from tests.networks import Pooled, seeded

def build():
    preprocess = bb.Preprocess(resize=32, crop=32, mean=(0.5,) * 3, std=(0.25,) * 3)
    return bb.ModelSpec("net", seeded(lambda: Pooled(20)), preprocess, classes=CLASSES)
"""
DOG, CAT, BUS = (CLASSES.index(name) for name in ("dog", "cat", "bus"))


def voc(root: Path) -> None:
    """Eight images of VOC 2012 with masks: dogs, cats and both; one has a white border."""
    home = root / "VOCdevkit" / "VOC2012"
    names = [f"2007_{k:06d}" for k in range(8)]
    for k, name in enumerate(names):
        photo(home / "JPEGImages" / f"{name}.jpg", k)
        dog, cat = (5 + k % 3, 2, 12, 12), (14, 3 + k % 4, 18, 14)
        shown = {0: ["dog"], 1: ["cat"], 2: ["dog", "cat"]}[k % 3]
        objects = [(each, (dog if each == "dog" else cat), False) for each in shown]
        xml(
            home / "Annotations" / f"{name}.xml",
            [(n, (x0 + 1, y0 + 1, x1, y1), d) for n, (x0, y0, x1, y1), d in objects],
        )
        mask = region(19, 0, 21, 16, 255 if k == 2 else 0)
        for each, box, _ in objects:
            mask = mask + region(*box, CLASSES.index(each) + 1)
        grey(home / "SegmentationClass" / f"{name}.png", mask, palette=True)
    for folder in ("Main", "Segmentation"):
        (home / "ImageSets" / folder).mkdir(parents=True)
        (home / "ImageSets" / folder / "val.txt").write_text("\n".join(names) + "\n")


@dataclass(frozen=True)
class Shown:
    """What one pair of image and class is, worked out here from the files and the stored map."""

    image: str
    label: int
    height: Any
    mask: Any
    boxes: Any
    place: int
    void: Any


@dataclass(frozen=True)
class Suite:
    run: bb.Run
    pairs: Mapping[str, Mapping[str, Shown]]  # by method and sample
    printed: str


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    home = tmp_path_factory.mktemp("suite")
    voc(home / "data")
    (home / "net.py").write_text(NET)
    words = ["run", "--suite", "localisation", "--models", "net.py:build", "--methods", "gradcam,center"]
    words += ["--datasets", "voc2012:root=data:truth=segmentation", "--out", "done"]
    done = benchbench(*words, cwd=home)
    assert done.returncode == 0, done.stderr
    run = bb.Run.load(home / "done")
    data = DATASETS["voc2012"].function(root=home / "data", split="val", truth="segmentation", difficult=False)
    network = seeded(lambda: Pooled(20))
    pairs: dict[str, dict[str, Shown]] = {"gradcam": {}, "center": {}}
    for index, sample in enumerate(data.ids):
        known, image, mask, boxes = load_sample(data, index, PREPROCESS)
        assert mask is not None
        assert boxes is not None
        assert known.void is not None
        assert known.label is not None
        with torch.no_grad():
            order = network(image[None])[0].argsort(descending=True, stable=True).tolist()
        scale = SIDE / known.void.shape[0]
        void = zoom(known.void.numpy(), (scale, scale), order=0, grid_mode=True, mode="nearest")
        left = (void.shape[1] - SIDE) // 2
        for method in pairs:
            raw = run.maps(method=method, sample=sample)[0]
            height = saliency(torch.tensor(raw)[None], (SIDE, SIDE))[0].double().numpy()
            place = order.index(known.label) + 1
            frame = void[:, left : left + SIDE]
            shown = Shown(sample.split("/")[0], known.label, height, mask.numpy(), boxes.numpy(), place, frame)
            pairs[method][sample] = shown
    return Suite(run, pairs, done.stdout)


def values(suite: Suite, method: str, metric: str, protocol: str) -> dict[str, float]:
    rows = suite.run.table
    rows = rows[(rows["method"] == method) & (rows["metric"] == metric) & (rows["protocol"] == protocol)]
    assert (rows["status"] == "ok").all(), rows["reason"].tolist()
    return dict(zip(rows["sample"], rows["value"], strict=True))


def hits(shown: Shown, least: float, every: bool) -> list[bool]:
    """By threshold of wsolevaluation, whether a box of the map's contours overlaps the truth."""
    wanted = np.minimum(shown.boxes.astype(int), SIDE - 1)
    overlaps = []
    for cut in range(255):
        level = np.floor(shown.height * 255)
        boxes = _boxes(level, cut, every) if (level > cut).any() else np.zeros((1, 4), int)
        overlaps.append(max(overlap(a, b) for a in boxes for b in wanted) >= least)
    return overlaps


def _boxes(level: Any, cut: int, every: bool) -> Any:
    """By ``boxes_plain``; x1 and y1 cut at the last pixel, as the authors' code does."""
    boxes = boxes_plain.contour_boxes(level > cut) if every else boxes_plain.largest_box(level > cut)
    boxes[:, 2:] = np.minimum(boxes[:, 2:], SIDE - 1)
    return boxes


@pytest.mark.parametrize("seed", range(4))
def test_the_restated_boxes_are_those_of_opencv(seed: int) -> None:
    """Where OpenCV is installed; of regions of equal areas it may take another one."""
    pytest.importorskip("cv2")
    smooth = gaussian_filter(np.random.default_rng(seed).normal(size=(SIDE, SIDE)), 0.8 + seed / 4)
    level = np.floor((smooth - smooth.min()) / np.ptp(smooth) * 255)
    single = 0
    for cut in range(0, 255, 25):
        every = sorted(map(tuple, _boxes(level, cut, every=True)))
        np.testing.assert_array_equal(every, authors_boxes(level, cut, every=True))
        try:
            wanted = authors_boxes(level, cut, every=False)
        except pytest.skip.Exception:
            continue
        np.testing.assert_array_equal(_boxes(level, cut, every=False), wanted)
        single += 1
    assert single > 3


def test_the_restated_boxes_by_hand() -> None:
    """A ring with a dot in its hole, and a line: the ring encloses the most, and only the hole's rim is its size."""
    binary = np.zeros((9, 12), bool)
    binary[1:6, 1:6], binary[2:5, 2:5], binary[3, 3], binary[7, 2:11] = True, False, True, True
    assert boxes_plain.largest_box(binary).tolist() == [[1, 1, 6, 6]]
    ring, line, dot = [1, 1, 6, 6], [2, 7, 11, 8], [3, 3, 4, 4]
    assert sorted(boxes_plain.contour_boxes(binary).tolist()) == [ring, ring, line, dot]
    assert boxes_plain.enclosed(binary & (np.arange(9) < 7)[:, None]) == 16
    corner = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]], bool)
    assert boxes_plain.enclosed(corner) == 0.5, "three of a square; two at its ends enclose nothing"


def held_out(curves: Mapping[str, list[bool]]) -> dict[str, float]:
    """Each image at the threshold that is best for the other half."""
    best = {}
    for half in (0, 1):
        best[half] = int(np.argmax(np.mean([c for name, c in curves.items() if fold_of(name) != half], axis=0)))
    return {name: float(curve[best[fold_of(name)]]) for name, curve in curves.items()}


@pytest.mark.parametrize("method", ["gradcam", "center"])
def test_boxes_are_wsolevaluations(suite: Suite, method: str) -> None:
    """MaxBoxAcc v1 and v2, top-1 and top-5 localisation, each image and the mean, to 1e-6."""
    pairs = suite.pairs[method]
    largest = {name: hits(shown, 0.5, every=False) for name, shown in pairs.items()}
    assert values(suite, method, "max_box_acc", "wsol-v1") == pytest.approx(held_out(largest), abs=1e-6)
    at = [held_out({n: hits(s, least, every=True) for n, s in pairs.items()}) for least in (0.3, 0.5, 0.7)]
    wanted = {name: float(np.mean([each[name] for each in at])) for name in pairs}
    assert values(suite, method, "max_box_acc_v2", "wsol-v2") == pytest.approx(wanted, abs=1e-6)
    for k in (1, 5):
        top = {name: [hit and pairs[name].place <= k for hit in curve] for name, curve in largest.items()}
        assert values(suite, method, f"top{k}_localisation", "wsol-v1") == pytest.approx(held_out(top), abs=1e-6)
    board = suite.run.leaderboard("max_box_acc")
    mean = float(board[board["method"] == method]["mean"].iloc[0])
    by_image: dict[str, list[float]] = {}
    for name, value in held_out(largest).items():
        by_image.setdefault(name.split("/")[0], []).append(value)
    assert mean == pytest.approx(np.mean([np.mean(each) for each in by_image.values()]), abs=1e-6), "one group, once"


@pytest.mark.parametrize("method", ["gradcam", "center"])
def test_pxap_of_all_pixels_is_wsolevaluations(suite: Suite, method: str) -> None:
    rows = suite.run.pooled()
    (row,) = rows[(rows["method"] == method) & (rows["metric"] == "pxap")].to_dict("records")
    heights = np.stack([shown.height for shown in suite.pairs[method].values()])
    masks = np.stack([shown.mask for shown in suite.pairs[method].values()])
    thresholds = np.append(np.arange(1000) * (1 / 1000), 1.0)
    wanted = pxap(heights.reshape(-1, SIDE), masks.reshape(-1, SIDE), thresholds)
    assert row["value"] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("method", ["gradcam", "center"])
def test_seeds_are_those_of_irn_with_every_class_of_an_image(suite: Suite, method: str) -> None:
    images: dict[str, list[Shown]] = {}
    for name in sorted(suite.pairs[method], key=lambda name: suite.pairs[method][name].label):
        shown = suite.pairs[method][name]
        images.setdefault(shown.image, []).append(shown)
    assert sum(len(each) > 1 for each in images.values()) == 2
    tables = {}
    for name, each in images.items():
        truth = np.zeros((SIDE, SIDE), int)
        for shown in each:
            truth[shown.mask] = shown.label + 1
        truth[each[0].void & (truth == 0)] = -1
        assert (truth == -1).any() == (name == "2007_000002")
        heights, classes = np.stack([shown.height for shown in each]), [shown.label for shown in each]
        tables[name] = np.stack([plain.confusion(classes, truth, heights, k / 100, 20) for k in range(100)])
    rows = suite.run.seeds()
    rows = rows[(rows["method"] == method) & (rows["scaling"] == "minmax")].set_index("class")
    first = {name: next(n for n in suite.run.table["sample"] if n.startswith(name)) for name in images}
    fold = {name: fold_of(sample) for name, sample in first.items()}
    every = np.stack(list(tables.values()))
    halves = np.array([fold[name] for name in tables])
    whole = [float(np.nanmean(plain.ious(table))) for table in every.sum(0)]
    assert rows.loc["mean", "best"] == pytest.approx(max(whole), abs=1e-6)
    assert rows.loc["mean", "best_background"] == np.argmax(whole) / 100
    best = [int(np.argmax([np.nanmean(plain.ious(t)) for t in every[halves != half].sum(0)])) for half in (0, 1)]
    held = plain.ious(np.stack([table[best[fold[name]]] for name, table in tables.items()]).sum(0))
    assert rows.loc["mean", "value"] == pytest.approx(float(np.nanmean(held)), abs=1e-6)
    assert rows.loc[f"dog ({DOG})", "value"] == pytest.approx(held[DOG + 1], abs=1e-6)
    assert rows.loc["background", "value"] == pytest.approx(held[0], abs=1e-6)
    assert rows.loc["mean", "n"] == 8


def test_the_page_the_terminal_and_the_tables_say_it(suite: Suite) -> None:
    page = (suite.run.folder / "report.html").read_text()
    assert "suite <code>localisation</code>" in page
    assert "Seeds of weakly supervised segmentation" in page
    assert suite.run.record.info["study"]["suite"] == "localisation"
    assert suite.run.record.info["study"]["target"] == "label"
    assert (suite.run.folder / "tables" / "seeds.csv").read_text().count("\n") == len(suite.run.seeds()) + 1


DATA = {"d": (torch.randn(4, 3, SIDE, SIDE), [0, 1, 2, 3], torch.ones(4, SIDE, SIDE, dtype=torch.bool).triu())}


def study(**keys: Any) -> bb.Study:
    study_keys = {"models": {"n": seeded(Pooled)}, "datasets": DATA, "methods": ["center"], "metrics": ["iou"], **keys}
    return bb.Study(suite="localisation", **study_keys)


def test_the_users_keys_stand_in_place_of_the_suites() -> None:
    keys = SUITES["localisation"].keys_of({})
    ours = study(samples=3)
    assert (ours.samples, ours.target, [metric.name for metric in ours.metrics]) == (3, "label", ["iou"])
    whole = bb.Study(suite="Localisation")
    assert [metric.label for metric in whole.metrics][:2] == ["max_box_acc@wsol-v1", "max_box_acc_v2@wsol-v2"]
    assert whole.samples == keys["samples"]
    assert whole.plain()["suite"] == "localisation"
    with pytest.raises(BenchError, match="unknown suite 'localization-2'"):
        bb.Study(suite="localization-2")


def test_an_image_of_which_a_class_is_not_in_the_run_is_left_out(tmp_path: Path) -> None:
    voc(tmp_path / "data")
    spec = bb.ModelSpec("net", seeded(lambda: Pooled(20)), PREPROCESS, classes=CLASSES)
    source = {"name": "voc2012", "root": tmp_path / "data", "truth": "segmentation", "subset": {"classes": ["dog"]}}
    rows = study(models={"net": spec}, datasets=[source]).run(tmp_path / "run", report=False).seeds()
    mean = rows[(rows["class"] == "mean") & (rows["scaling"] == "minmax")].to_dict("records")[0]
    assert (mean["n"], mean["left_out"], mean["reason"].startswith(PART)) == (3, 2, True)


def test_another_target_has_no_seeds(tmp_path: Path) -> None:
    rows = study(target="predicted").run(tmp_path / "run", report=False).seeds()
    assert set(rows["reason"]) == {NO_TARGET}


def test_data_with_boxes_alone_are_served_and_data_without_truth_refused(tmp_path: Path) -> None:
    boxes = [torch.tensor([[4.0, 4, 20, 20]])] * 4
    images, labels, _ = DATA["d"]
    done = study(datasets={"d": (images, labels, None, None, boxes)}, metrics=["max_box_acc", "iou"]).run(
        tmp_path / "run", report=False
    )
    assert any("iou@held-out-255 needs masks" in text for text in done.record.info["warnings"])
    assert done.table.groupby("metric")["status"].first().to_dict() == {"iou": "not_applicable", "max_box_acc": "ok"}
    with pytest.raises(BenchError, match="needs masks or boxes"):
        study(datasets={"d": (images, labels)}, metrics=["max_box_acc", "iou"]).run(tmp_path / "none", report=False)
