"""What the gallery draws: photos once, maps as bytes, the numbers of the table."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest

from benchbench.errors import BenchError
from benchbench.reports import gallery as module
from benchbench.reports.board import Board
from benchbench.reports.gallery import gallery
from benchbench.table import Record

from .fake import CAM_REASON, Fake, fake_record


def test_a_map_is_the_stored_one_stretched_to_256_levels(plain: Record) -> None:
    kept = gallery(Board(plain))
    (only,) = kept["sets"]
    assert only["layers"] == ["stage3", "stage4"]
    method = [m["name"] for m in only["methods"]].index("gradcam")
    cell = only["items"][3]["cells"][1][method]
    row = plain.maps[
        (plain.maps["layer"] == "stage4") & (plain.maps["method"] == "gradcam") & (plain.maps["sample"] == "photo-03")
    ].iloc[0]
    stored = plain.map(str(row["file"]), int(row["row"]))
    shown = np.frombuffer(b64decode(cell["map"]), np.uint8).reshape(cell["h"], cell["w"]) / 255
    scaled = (stored - stored.min()) / (stored.max() - stored.min())
    assert np.abs(shown - scaled).max() <= 0.5 / 255 + 1e-6


def test_numbers_and_reasons_are_the_tables(plain: Record) -> None:
    (only,) = gallery(Board(plain))["sets"]
    names = [m["name"] for m in only["methods"]]
    cells = only["items"][0]["cells"][0]
    assert cells[names.index("cam")] == {"why": CAM_REASON}
    assert cells[names.index("layercam")] == {"why": "RuntimeError: out of memory"}
    here = plain.results[
        (plain.results["sample"] == "photo-00")
        & (plain.results["layer"] == "stage3")
        & (plain.results["method"] == "gradcam")
        & (plain.results["metric"] == "insertion")
    ]
    assert f"{here['value'].iloc[0]:.3f}\u00a0↑ insertion AUC" in cells[names.index("gradcam")]["lines"]
    assert names[-2:] == ["random", "center"]


def test_a_photo_is_kept_once_for_all_networks(tmp_path: Path) -> None:
    record = fake_record(tmp_path, Fake(models=["a", "b"], samples=["one", "two"]))
    kept = gallery(Board(record))
    assert len(kept["sets"]) == 2
    assert len(kept["photos"]) == 2
    json.dumps(kept, allow_nan=False)


def test_there_is_a_cap_on_photos_and_on_bytes(plain: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PHOTOS", 5)
    assert len(gallery(Board(plain))["sets"][0]["items"]) == 5
    monkeypatch.setattr(module, "MOST_BYTES", 1)
    assert len(gallery(Board(plain))["sets"][0]["items"]) == module.FEWEST_PHOTOS


def test_a_missing_photo_is_an_error(tmp_path: Path) -> None:
    record = fake_record(tmp_path, Fake(samples=["one"]))
    (tmp_path / "photos" / "0.jpg").unlink()
    with pytest.raises(BenchError, match=r"0\.jpg is missing"):
        gallery(Board(record))


def test_a_map_that_is_the_same_everywhere_is_dark() -> None:
    assert b64decode(module._quantised(np.full((2, 3), 7.0, np.float32))["map"]) == bytes(6)
