"""Boxes from the data to the table: photographs and tensors, with and without masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from benchbench.engine.runner import run
from benchbench.errors import BenchError
from benchbench.results.record import Record
from benchbench.study.spec import StudySpec
from benchbench.types import ModelSpec, Preprocess

from ..networks import Pooled, seeded

BOXED = ["pointing_game", "energy_pointing_game@scorecam-box", "max_box_acc", "max_box_acc_v2"]


def table_of(folder: Path, data: Any, metrics: list[str] = BOXED, network: Any = None) -> Any:
    study = StudySpec(
        models={"net": network or seeded(Pooled)},
        datasets={"data": data},
        layers=["relu"],
        methods=["gradcam", "center"],
        metrics=metrics,
        batch=2,
    )
    run(study, folder)
    return Record.load(folder)


def test_whole_boxes_score_as_masks_of_them(images: Tensor, tmp_path: Path) -> None:
    images = images[:4]
    count, height, width = len(images), images.shape[2], images.shape[3]
    masks = torch.zeros(count, height, width, dtype=torch.bool)
    boxes = []
    for i in range(count):
        masks[i, 2 + i : 10 + i, 3:12] = True
        boxes.append([[3, 2 + i, 12, 10 + i]])
    by_mask = table_of(tmp_path / "masks", (images, None, masks))
    by_box = table_of(tmp_path / "boxes", {"images": images, "boxes": boxes})
    both = ["metric", "method", "sample"]
    first, second = (r.results.sort_values(both)["value"].to_numpy() for r in (by_mask, by_box))
    assert first.tolist() == second.tolist()
    assert by_mask.photos["object_share"].tolist() == by_box.photos["object_share"].tolist()


def test_photographs_whose_boxes_the_crop_takes_away(tmp_path: Path) -> None:
    photos = [Image.effect_noise((80, 40), 60).convert("RGB") for _ in range(3)]
    boxes = [[[30, 10, 50, 30]], [[0, 0, 20, 40]], None]
    spec = ModelSpec("net", seeded(Pooled), Preprocess(36, 32))
    record = table_of(tmp_path, {"images": photos, "boxes": boxes}, network=spec)
    rows = record.results[record.results["method"] == "gradcam"].set_index(["metric", "sample"])
    for name in ("pointing_game", "max_box_acc", "energy_pointing_game"):
        statuses = [rows.loc[(name, f"{i:04d}"), "status"] for i in range(3)]
        assert statuses[1:] == ["not_applicable"] * 2
        assert "crop" in rows.loc[(name, "0001"), "reason"]
        assert "no boxes" in rows.loc[(name, "0002"), "reason"]
    shares = record.photos.set_index("sample")["object_share"]
    assert shares["0001"] == 0
    assert shares.isna()["0002"]


def test_a_metric_of_masks_refuses_data_with_boxes_alone(images: Tensor, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="pxap@wsol-1000 needs masks, and data has none"):
        table_of(tmp_path, {"images": images, "boxes": [[[0, 0, 4, 4]]] * len(images)}, ["pxap"])
    with pytest.raises(BenchError, match="max_box_acc@wsol-v1 needs masks or boxes, and data has none"):
        table_of(tmp_path, images, ["max_box_acc"])


def test_boxes_are_part_of_the_content(images: Tensor, tmp_path: Path) -> None:
    first, other = ({"images": images[:1], "boxes": [[[0, 0, x, 4]]]} for x in (4, 5))
    table_of(tmp_path, first, ["pointing_game"])
    with pytest.raises(BenchError, match="the images of data have changed"):
        table_of(tmp_path, other, ["pointing_game"])
