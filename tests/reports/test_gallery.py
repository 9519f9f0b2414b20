"""What the gallery draws: photos once, maps as bytes, the numbers of the table."""

from __future__ import annotations

import io
import json
import re
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.stats import spearmanr

from benchbench.errors import BenchError
from benchbench.reports.html import gallery as module
from benchbench.reports.html.disagreement import correlations, disagreement, least_alike
from benchbench.reports.html.embedded import packed_json
from benchbench.reports.html.gallery import gallery
from benchbench.reports.html.image_curves import ImageCurves
from benchbench.reports.html.image_orders import DISAGREEMENT, FAILURES, SHARE
from benchbench.reports.html.images import ImageSet
from benchbench.reports.html.outline import outline
from benchbench.reports.leaderboard.board import Board
from benchbench.results.record import Record
from benchbench.results.schema import FloatArray
from benchbench.results.store import Store

from ..packs import lose
from .fake import CAM_REASON, PACK, Fake, fake_record, map_file
from .reading import levels
from .shared import board_of


def test_a_map_is_the_stored_one_stretched_to_256_levels(plain: Record) -> None:
    kept = gallery(board_of(plain))
    (only,) = kept["sets"]
    assert only["layers"] == ["stage3", "stage4"]
    method = [m["name"] for m in only["methods"]].index("gradcam")
    row = plain.maps[
        (plain.maps["layer"] == "stage4") & (plain.maps["method"] == "gradcam") & (plain.maps["sample"] == "photo-03")
    ].iloc[0]
    stored = plain.map(str(row["file"]), int(row["row"]))
    shown = levels(only["maps"][only["places"][1][3][method]][0]) / 255
    scaled = (stored - stored.min()) / (stored.max() - stored.min())
    assert np.abs(shown - scaled).max() <= 0.5 / 255 + 1e-6


def values(only: dict[str, Any], layer: int, metric: int) -> np.ndarray[Any, Any]:
    """(images, methods), as images.js reads them."""
    return np.array(only["values"][layer][metric], dtype=float)


def test_every_number_is_the_tables_to_seven_digits(plain: Record) -> None:
    kept = gallery(board_of(plain))
    (only,) = kept["sets"]
    metrics = [metric["title"] for metric in kept["metrics"]]
    assert metrics == ["deletion AUC", "insertion AUC", "average drop", "increase in confidence", "average gain"]
    numbers = values(only, 0, metrics.index("insertion AUC"))
    rows = plain.results[(plain.results["layer"] == "stage3") & (plain.results["metric"] == "insertion")]
    wide = rows.pivot_table(index="sample", columns="method", values="value", dropna=False)
    for at, method in enumerate(only["methods"]):
        wanted = wide[method["name"]] if method["name"] in wide else np.full(12, np.nan)
        np.testing.assert_allclose(numbers[:, at], wanted, rtol=5e-7)
    assert [m["name"] for m in only["methods"]][-2:] == ["random", "center"]
    assert [image["sample"] for image in only["images"]] == list(wide.index)


def test_reasons_and_failures_are_the_tables(plain: Record) -> None:
    (only,) = gallery(board_of(plain))["sets"]
    names = [m["name"] for m in only["methods"]]
    assert only["places"][0][0][names.index("cam")] == -1
    assert only["reasons"][only["why"][f"0,0,{names.index('cam')}"]] == CAM_REASON
    assert only["reasons"][only["why"][f"1,1,{names.index('layercam')}"]] == "RuntimeError: out of memory"
    assert f"0,2,{names.index('layercam')}" not in only["why"]
    assert only["keys"][FAILURES] == [[5, 5, *[0] * 10], [5, 5, *[0] * 10], [10, 10, *[0] * 10]]


def test_the_objects_share_is_taken_where_the_data_says_it(plain: Record) -> None:
    kept = gallery(board_of(plain))
    assert kept["sets"][0]["keys"][SHARE] == [[None] * 12]
    assert not any("object" in order["name"] for order in kept["orders"])
    photos = plain.photos.assign(object_share=[0.25, float("nan"), *[0.5] * 10])
    record = Record(plain.folder, plain.info, plain.results, plain.curves, plain.maps, photos)
    kept = gallery(Board(record))
    assert kept["sets"][0]["keys"][SHARE] == [[0.25, None, *[0.5] * 10]]
    orders = {order["name"]: (order["key"], order["sign"]) for order in kept["orders"]}
    assert orders["smallest object first"] == (SHARE, 1)
    assert orders["largest object first"] == (SHARE, -1)


def test_equal_maps_are_kept_once(tmp_path: Path) -> None:
    record = fake_record(tmp_path, Fake(methods=["a", "b"], controls=[], samples=["one", "two"], layers=["last"]))
    store = Store(tmp_path)
    with store.pack(PACK) as pack:
        pack.write_maps(map_file(1), store.read_maps(map_file(0)))
    (only,) = gallery(Board(record))["sets"]
    assert only["places"] == [[[0, 0], [1, 1]]]
    assert only["keys"][DISAGREEMENT] == [[0.0, 0.0], [0.0, 0.0]]


def test_a_photo_is_kept_once_for_all_networks(tmp_path: Path) -> None:
    record = fake_record(tmp_path, Fake(models=["a", "b"], samples=["one", "two"]))
    kept = gallery(Board(record))
    assert len(kept["sets"]) == 2
    assert len(kept["photos"]) == 2
    json.dumps(kept, allow_nan=False)


def test_there_is_a_cap_on_photos(plain: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PHOTOS", 5)
    (only,) = gallery(board_of(plain))["sets"]
    assert only["pictured"] == 5
    assert ["photo" in image for image in only["images"]] == [True] * 5 + [False] * 7
    assert len(only["places"][0]) == len(only["keys"][DISAGREEMENT][0]) == 5
    assert values(only, 0, 0).shape == (12, 7), "the scatter has every image"


def bytes_of(kept: dict[str, Any]) -> int:
    """In the page, where the curves are compressed."""
    return len(json.dumps({**kept, "curves": packed_json(kept["curves"])}))


def size(kept: dict[str, Any]) -> int:
    return sum(len(json.dumps(part)) for part in (kept["photos"], *(only["maps"] for only in kept["sets"])))


def test_first_maps_lose_resolution_then_photos_their_pictures(plain: Record) -> None:
    full = gallery(board_of(plain))
    assert (full["sets"][0]["side"], full["sets"][0]["pictured"]) == (0, 12)
    large = plain.maps.assign(cells=200 * 200)
    record = Record(plain.folder, plain.info, plain.results, plain.curves, large, plain.photos)
    sets, shelf = [ImageSet(Board(record), "tinynet", "photos", 12)], module._Shelf(record)
    for side, coarser in pairwise(module.SIDES):
        needed = module._bytes(sets, shelf, [12], side)
        assert module._fit(sets, shelf, [12], needed) == (side, [12])
        assert module._fit(sets, shelf, [12], needed - 1) == (coarser, [12])
    most = bytes_of(full) - size(full) // 2
    less = gallery(board_of(plain), most)
    assert module.FEWEST_PHOTOS < less["sets"][0]["pictured"] < 12
    assert bytes_of(less) <= most + 2_000, "the colour table, the names and the reasons are small"
    assert gallery(board_of(plain), 0)["sets"][0]["pictured"] == module.FEWEST_PHOTOS


def test_then_images_their_numbers(plain: Record) -> None:
    (full,) = gallery(board_of(plain))["sets"]
    assert len(full["images"]) == full["total"] == 12
    weight = ImageSet(board_of(plain), "tinynet", "photos", 12).weight
    (less,) = gallery(board_of(plain), 3 * 7 * weight)["sets"]
    assert (len(less["images"]), less["total"]) == (7, 12)
    np.testing.assert_array_equal(values(less, 0, 0), values(full, 0, 0)[:7])
    texts = (json.dumps(full[part]) for part in ("values", "marks", "images", "places", "keys", "why"))
    assert 0.5 * 12 * weight < sum(map(len, texts)) < 1.3 * 12 * weight


def test_a_missing_photo_is_an_error(tmp_path: Path) -> None:
    record = fake_record(tmp_path, Fake(samples=["one"]))
    lose(tmp_path, "0.jpg")
    with pytest.raises(BenchError, match=r"has no 0\.jpg.*Run it again"):
        gallery(Board(record))


def test_a_map_that_is_the_same_everywhere_is_dark() -> None:
    assert (levels(module._plate(np.full((2, 3), 7.0, np.float32), 224).uri) == np.zeros((2, 3))).all()


def curves_at(record: Record, layer: str) -> list[ImageCurves]:
    return ImageSet(board_of(record), "tinynet", "photos", 12).curves(layer, 12)


def test_curves_of_an_image_are_the_tables_to_four_digits(plain: Record) -> None:
    kept = gallery(board_of(plain))
    (only,), ((_, drawn),) = kept["sets"], kept["curves"]
    names, samples = [m["name"] for m in only["methods"]], [image["sample"] for image in only["images"]]
    assert list(drawn) == kept["curved"] == [0, 1]
    y = np.array(drawn[1]["y"], dtype=float)
    rows = plain.curves[(plain.curves["layer"] == "stage4") & (plain.curves["metric"] == "insertion")]
    for (sample, method), curve in rows.groupby(["sample", "method"]):
        np.testing.assert_allclose(
            y[samples.index(sample), names.index(method)], curve.sort_values("x")["y"], atol=5e-5
        )
    assert np.isnan(y[0, names.index("cam")]).all(), "cam has no curve"
    weight = curves_at(plain, "stage4")[1].weight
    assert 0.3 * weight < len(packed_json(drawn[1])) < weight


def test_curves_that_take_too_much_are_left_out_and_said(plain: Record) -> None:
    full = gallery(board_of(plain))
    weight = sum(c.weight for layer in ("stage3", "stage4") for c in curves_at(plain, layer))
    assert not full["left_out"]
    assert not gallery(board_of(plain), 6 * weight)["left_out"]
    less = gallery(board_of(plain), 5 * weight)
    assert less["left_out"]
    assert less["curves"] == [[{}, {}]]


def test_an_objects_outline_is_its_masks_border() -> None:
    mask = np.zeros((224, 224), bool)
    mask[28:140, 56:224] = True
    out = io.BytesIO()
    Image.fromarray(mask).save(out, "PNG")
    path = outline(out.getvalue(), 112, 112)
    points = np.array([[float(x) for x in point.split()] for point in re.split("[MLZ]", path) if point])
    assert path.count("M") == 1
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    np.testing.assert_allclose([left, top, right, bottom], [28, 14, 112, 70], atol=1.6)


def test_the_two_methods_that_are_shown_first_are_least_alike() -> None:
    rng = np.random.default_rng(0)
    base = rng.random((6, 6)).astype(np.float32)
    stacks: list[list[FloatArray | None]]
    near = (base + rng.random((6, 6)) / 4).astype(np.float32)
    stacks = [[base, near, -base, None, np.zeros((6, 6), np.float32)]] * 3
    assert least_alike(map(correlations, stacks)) == (0, 2)
    assert least_alike([correlations([base, None])]) is None


@pytest.mark.parametrize(
    ("peak", "words"),
    [
        ((0, 0), "strongest in the upper left; 17% of the image above half"),
        ((1, 2), "strongest in the middle right; 17% of the image above half"),
    ],
)
def test_the_words_of_a_map_say_where_it_is_strongest(peak: tuple[int, int], words: str) -> None:
    saliency = np.zeros((2, 3), np.float32)
    assert module._plate(saliency, 224).words == "constant"
    saliency[peak] = 1
    assert module._plate(saliency, 224).words == words


def test_large_maps_are_averaged_down() -> None:
    saliency = np.arange(16, dtype=np.float32).reshape(4, 4)
    plate = module._plate(saliency, 2)
    means = saliency.reshape(2, 2, 2, 2).mean((1, 3))
    assert levels(plate.uri).tolist() == np.round((means - 2.5) / 10 * 255).tolist()


def test_disagreement_is_that_of_spearmans_correlation() -> None:
    rng = np.random.default_rng(0)
    maps = [rng.random((5, 6)).astype(np.float32) for _ in range(3)]
    pairs = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in combinations(maps, 2)]
    assert disagreement(maps) == pytest.approx(1 - np.mean(pairs))
    assert disagreement([maps[0], 3 * maps[0] + 1]) == pytest.approx(0)
    assert disagreement([maps[0], -maps[0]]) == pytest.approx(2)


def test_disagreement_leaves_dead_maps_out_and_averages_large_ones_down() -> None:
    small = np.array([[1, 2], [3, 5]], np.float32)
    large = np.kron(small, np.ones((3, 3), np.float32))
    assert disagreement([small, large, np.zeros((2, 2), np.float32)]) == pytest.approx(0)
    assert np.isnan(disagreement([small, np.zeros((2, 2), np.float32)]))
    assert np.isnan(disagreement([]))
