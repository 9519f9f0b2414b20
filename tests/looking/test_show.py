"""Sheets of maps: the maps and the scores are those of bb.explain and of a study; the places are those asked for."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import benchbench as bb
from benchbench.viz.style import Style, styled

from ..cli.commands import benchbench
from ..networks import Pooled, seeded
from ..viz.test_overlay import NET


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("looking")
    (folder / "net.py").write_text(NET.replace("warning='random'", "warning=''"))
    draw = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(draw.integers(0, 255, (80, 120, 3), dtype=np.uint8)).save(folder / name)
    (folder / "mixed").mkdir()
    Image.fromarray(draw.integers(0, 255, (70, 70, 3), dtype=np.uint8)).save(folder / "mixed" / "good.png")
    (folder / "mixed" / "bad.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def spec() -> bb.ModelSpec:
    return bb.ModelSpec("pooled", seeded(Pooled).eval(), bb.Preprocess(64, 64), classes=("cat", "dog", "cow", *"abcd"))


def test_the_maps_are_those_of_explain(spec: bb.ModelSpec, images: torch.Tensor) -> None:
    sheet = bb.show(spec, images[:2], methods=["gradcam", "layercam"], layers="conv")
    assert [len(row) for row in sheet.rows] == [3, 3]
    assert sheet.heads == ("what the network sees", "Grad-CAM", "Layer-CAM")
    for k, row in enumerate(sheet.rows):
        seen = row[0].picture
        assert seen is not None
        for panel, method in zip(row[1:], ("gradcam", "layercam"), strict=True):
            expected = styled(seen, bb.explain(spec, images[k : k + 1], method=method, layer="conv")[0, 0], Style())
            assert panel.picture is not None
            assert np.abs(np.asarray(panel.picture, float) - np.asarray(expected, float)).max() <= 2


def test_the_scores_are_those_of_a_study(spec: bb.ModelSpec, images: torch.Tensor, tmp_path: Path) -> None:
    sheet = bb.show(spec, images[:1], methods="gradcam", layers="conv", scores=True)
    study = bb.Study(models={"pooled": spec}, datasets={"pictures": images[:1]}, layers=["conv"], methods=["gradcam"],
                     metrics=["deletion", "insertion"])  # fmt: skip
    rows = study.run(tmp_path / "run", report=False).table.set_index("metric")["value"]
    assert sheet.rows[0][1].says == f"deletion {rows['deletion']:.3f} ↓\ninsertion {rows['insertion']:.3f} ↑"


@pytest.mark.parametrize(
    ("words", "heads", "rows"),
    [
        ({"classes": "top2"}, 2, 1),  # classes across
        ({"classes": ["cat", 2], "methods": ["gradcam", "hirescam"]}, 2, 2),  # classes down
        ({"layers": ["conv", "conv"], "classes": "top3"}, 3, 1),
        ({"classes": "top2", "columns": "methods"}, 1, 2),
    ],
)
def test_what_there_are_several_of_is_across_or_down(
    spec: bb.ModelSpec, images: torch.Tensor, words: dict[str, object], heads: int, rows: int
) -> None:
    sheet = bb.show(spec, images[:1], **{"methods": "gradcam", "layers": "conv", **words})  # type: ignore[arg-type]
    assert (len(sheet.heads) - 1, len(sheet.rows)) == (heads, rows)


def test_many_methods_of_one_picture_are_wrapped(spec: bb.ModelSpec, images: torch.Tensor) -> None:
    methods: list[object] = [{"name": "random", "as": "draw 0"}, *({"name": "rise", "masks": 5 + k} for k in range(8))]
    sheet = bb.show(spec, images[:1], methods=methods, layers="conv")
    assert [len(row) for row in sheet.rows] == [5, 5]
    assert sheet.heads == ()
    assert sheet.rows[0][1].says == "draw 0"
    assert all(panel.says.startswith("RISE") for panel in sheet.rows[1])


def test_a_class_stands_above_its_maps_where_it_is_the_same_for_all(spec: bb.ModelSpec, images: torch.Tensor) -> None:
    sheet = bb.show(spec, images[:2], methods="gradcam", layers="conv", classes=["dog", "cow"])
    assert sheet.heads[1:] == ("dog", "cow")
    assert sheet.rows[0][1].says.startswith("dog, probability ")


def test_a_method_that_does_not_apply_has_its_reason_in_its_place(spec: bb.ModelSpec, images: torch.Tensor) -> None:
    sheet = bb.show(spec, images[:1], methods=["gradcam", "attnlrp"], layers="conv")
    shown, reason = sheet.rows[0][1:]
    assert shown.picture is not None
    assert reason.picture is None
    assert reason.says


def test_pictures_that_are_open(spec: bb.ModelSpec, place: Path) -> None:
    with Image.open(place / "a.png") as opened:
        sheet = bb.show(spec, [opened, opened.rotate(90)], layers="conv")
    assert [row[0].says.split("\n")[0] for row in sheet.rows] == ["image 1", "image 2"]


def test_a_page_holds_every_text_and_loads_nothing(spec: bb.ModelSpec, images: torch.Tensor, tmp_path: Path) -> None:
    named = bb.ModelSpec("pooled", spec.network, spec.preprocess, classes=("<script>alert(1)</script>", *"bcdefg"))
    page = bb.show(named, images[:1], layers="conv", classes=0).save(tmp_path / "x.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "default-src 'none'" in unescape(page)
    assert page.count("<img ") == 2
    assert "http" not in page.replace("http-equiv", "")


def test_the_command_writes_maps_boxes_and_masks(place: Path) -> None:
    words = ["--model", "net.py:small", "--layers", "1", "--methods", "gradcam,random", "--classes", "top2"]
    files = ["--out", "x.svg", "--raw", "raw", "--boxes", "boxes.json", "--masks", "masks"]
    done = benchbench("explain", "a.png", "b.png", *words, *files, cwd=place)
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        *("a.png", "a.png", "b.png", "b.png"),
        *("x.svg", "raw/index.csv", "boxes.json", "masks"),
    ]
    index = pd.read_csv(place / "raw" / "index.csv", dtype={"map": "string"})
    assert len(index) == 2 * 2 * 2
    with np.load(place / "raw" / "maps.npz", allow_pickle=False) as maps:
        for row in index.to_dict("records"):
            plain = maps[row["map"]]
            assert plain.dtype == np.float32
            assert plain.shape == (row["rows"], row["columns"])
            with Image.open(place / "raw" / row["file"]) as tiff:
                level = np.asarray(tiff)
            assert level.dtype == np.float32
            assert level.shape == (56, 56)
            assert (level.min(), level.max()) == ((0, 1) if plain.min() < plain.max() else (0, 0))
    boxes = json.loads((place / "boxes.json").read_text())
    assert [(image["file_name"], image["width"], image["height"]) for image in boxes["images"]] == [
        ("a.png", 120, 80),
        ("b.png", 120, 80),
    ]
    masks = sorted((place / "masks").iterdir())
    assert len(masks) == len(boxes["annotations"]) > 0
    for each, file in zip(boxes["annotations"], masks, strict=True):
        x, y, width, height = each["bbox"]
        assert 0 <= x < x + width <= 120
        assert 0 <= y < y + height <= 80
        with Image.open(file) as mask:
            left, top, right, bottom = mask.getbbox() or (0, 0, 0, 0)
            assert mask.size == (120, 80)
        assert np.abs(np.array([left, top, right, bottom]) - [x, y, x + width, y + height]).max() <= 1


def test_a_file_of_a_folder_that_is_no_picture_costs_its_own_row(place: Path) -> None:
    done = benchbench("explain", "mixed", "--model", "net.py:small", "--layer", "1", "--out", "m.html", cwd=place)
    assert done.returncode == 1
    bad, good, path = done.stdout.splitlines()
    assert bad.startswith("mixed/bad.png: ")
    assert "probability" in good
    assert path == "m.html"
    assert "mixed" not in (place / "m.html").read_text() or "bad.png" in (place / "m.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--classes", "wolf"], "classes: no class has the name 'wolf'. Available: cat, cow, dog"),
        (["--threshold", "0"], "threshold: it is 0.0"),
        (["--style", "heat"], "style: no style 'heat'"),
        (["--columns", "images"], "columns: no columns 'images'"),
        (["--masks", "mixed"], "mixed: it is no empty folder"),
        (["--raw", "a.png"], "a.png: it is no empty folder"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_computed(place: Path, words: list[str], message: str) -> None:
    done = benchbench("explain", "a.png", "--model", "net.py:small", "--layer", "1", *words, cwd=place)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
