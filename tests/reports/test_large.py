"""Twenty methods on two hundred photos: what the page weighs and how much of it a browser must lay out."""

from __future__ import annotations

import gzip
import json
import os
import re
import resource
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchbench.reports.html import document
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record
from benchbench.results.store import Store

from .chromium import visit
from .fake import Fake, fake_record
from .reading import Element, levels, packed_json, read, section, words
from .shared import html_of, marked_of

METHODS, PHOTOS = 18, 200  # and two controls


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Record:
    fake = Fake(
        methods=[f"method{i:02d}" for i in range(METHODS)],
        samples=[f"photo-{i:03d}" for i in range(PHOTOS)],
        layers=["last"],
    )
    record = fake_record(tmp_path_factory.mktemp("large"), fake)
    return Record(record.folder, record.info, record.results, record.curves.head(0), record.maps, record.photos)


@pytest.fixture(scope="module")
def large_page(large: Record, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return document.write(Marked.of(large), tmp_path_factory.mktemp("page") / "report.html")


def data(root: Element) -> dict[str, Any]:
    (script,) = [e for e in root.all("script") if e.attributes.get("id") == "gallery-data"]
    return dict(json.loads(script.text))


def test_every_photo_and_map_is_there_once(large_page: Path) -> None:
    text = large_page.read_text(encoding="utf-8")
    kept = data(read(text))
    (only,) = kept["sets"]
    assert len(text.encode()) < 6_000_000
    assert len(kept["photos"]) == only["pictured"] == PHOTOS
    assert text.count("data:image/jpeg;base64,") == PHOTOS + 4 * 3, "and four with two maps each on the first screen"
    assert only["side"] == 0
    assert np.shape(only["places"]) == (1, PHOTOS, METHODS + 2)
    assert len(only["maps"]) > PHOTOS * (METHODS + 2) - 5, "but for two that are equal at 256 levels by chance"
    assert {levels(uri).shape for uri, _ in only["maps"]} == {(7, 7)}


def test_the_first_screen_says_how_many_methods_it_left_out(large_page: Path) -> None:
    text = large_page.read_text(encoding="utf-8")
    assert text.count("the first 12 of 18 ranked methods") == 1, "at the mean ranks"
    assert text.count("irst 12 of 18 methods") == 2, "at the heat map and the ranks without each family"


@pytest.mark.browser
@pytest.mark.parametrize("samples", [40, 120])
def test_a_page_opens_few_files_at_a_time(tmp_path: Path, samples: int) -> None:
    """Of 160 files of maps, and of 480, under a limit of what is open already and a hundred more."""
    fake = Fake(methods=["one", "two"], layers=["last"], samples=[f"photo-{i:03d}" for i in range(samples)])
    whole = fake_record(tmp_path, fake)
    store = Store(tmp_path)
    for i, (file, row) in enumerate(zip(whole.maps["file"], whole.maps["row"].astype(int), strict=True)):
        with store.pack(f"{i + 1:024}") as pack:
            pack.write_maps(f"own{i}-0.npy", whole.map(file, row)[None])
    maps = whole.maps.assign(file=[store.place(f"own{i}-0.npy") for i in range(len(whole.maps))], row=0)
    apart = Record(whole.folder, whole.info, whole.results, whole.curves.head(0), maps, whole.photos)
    assert len(maps) > 3 * samples
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 100, hard))
    try:
        page = document.render(Marked.of(apart))
        held = [apart.map(file, 0) for file in maps["file"]]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(held) == len(maps)
    assert "photo-039" in page


def test_a_browser_lays_out_a_small_part_of_it(browser: Any, large_page: Path) -> None:
    heard = visit(browser, large_page)
    count = heard.tab.evaluate("document.querySelectorAll('*').length")
    assert count < 9_000, "not a figure per photo and method, which would be 4,000 of ten elements each"
    assert heard.tab.locator("#gallery-photos img.map").count() == 2 * 2, (
        "the two methods that are least alike, on two photos"
    )
    heard.tab.locator("#gallery-methods summary").click()
    heard.tab.locator("#gallery-methods").get_by_role("button", name="All").click()
    heard.tab.locator("#gallery-controls [name=order]").select_option("maps of all methods disagree most first")
    assert heard.tab.locator("#gallery-photos img.map").count() == 2 * (METHODS + 2)
    assert heard.complaints == []
    heard.tab.close()


def test_a_page_that_would_be_too_large_says_what_it_left_out(
    large: Record, large_page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = large_page.stat().st_size - 500_000
    monkeypatch.setattr(document, "MOST", most)
    text = document.render(Marked.of(large))
    assert len(text.encode()) <= most
    root = read(text)
    pictured = data(root)["sets"][0]["pictured"]
    assert 4 < pictured < PHOTOS
    assert f"the first {pictured} of {PHOTOS} photos are shown" in words(section(root, "gallery").text)
    assert len(data(root)["sets"][0]["images"]) == PHOTOS, "the scatter has every image"


def test_what_is_too_long_for_a_page_is_said_with_where_it_is(plain: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchbench.reports.html.downloads.MOST_ROWS", 9)
    monkeypatch.setattr("benchbench.reports.html.page.MOST_ROWS", 9)
    marked = Marked.of(plain)
    root = read(document.render(marked))
    held, pairs = packed_json(root, "downloads"), len(marked.tested_pairs) // len(marked.board.blocks)
    assert pairs > 9
    assert "csv" not in held["duels-1"]
    assert f"{pairs} pairs are too many for this page: bb.Run.load(RUN).compare() has them." in words(root.text)
    assert held["every"]["csv"].count("\n") == len(marked.table()) + 1
    assert f"The leaderboard has {len(marked.board.plain)} rows, too many for a browser to show." in words(root.text)
    assert not [e for e in root.all("table") if e.attributes.get("id") == "every-table"]


def test_a_large_part_is_compressed_and_a_small_one_is_not(plain: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compressed is the markup itself, and the headings that links lead to stay outside."""
    small = html_of(plain)
    monkeypatch.setattr("benchbench.reports.html.embedded.FEWEST_FOLDED", 2_500)
    page = document.render(marked_of(plain))
    folded = [e for e in read(page).all("div") if "packed" in e.classes()]
    parts = [gzip.decompress(b64decode(e.all("script")[0].text)).decode() for e in folded]
    assert len(parts) > 5
    assert all(len(part) >= 2_500 and part in small for part in parts)
    assert not [e for e in read(small).all("div") if "packed" in e.classes()]
    ids = [set(re.findall(r' id="((?:block|cost|method-agreement|depth)-\d+)"', text)) for text in (small, page)]
    assert ids[0] == ids[1] != set()


def test_the_leaderboard_that_the_page_opens_with_is_never_compressed(
    many: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read without JavaScript: that of the first network and data, at the last layer."""
    monkeypatch.setattr("benchbench.reports.html.embedded.FEWEST_FOLDED", 1_000)
    parts = [e for e in section(read(document.render(Marked.of(many))), "leaderboard").all("div") if e.all("h3")]
    folded = [any("packed" in e.classes() for e in part.all("div")) for part in parts]
    assert [words(part.all("h3")[0].text) for part, away in zip(parts, folded, strict=True) if not away] == [
        "tinynet · photos · stage4"
    ]
    assert sum(folded) == 7
