"""The page says what the table says, loads nothing, and shows foreign text as text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchbench.errors import BenchError
from benchbench.reports.html import document
from benchbench.reports.html.environment import link
from benchbench.reports.leaderboard.board import Board, Metric
from benchbench.reports.leaderboard.costs import cost_tables
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.number_format import fixed
from benchbench.results.record import Record
from benchbench.stats import leaderboard
from benchbench.stats.metric_scale import scales

from .conftest import HOSTILE
from .fake import CAM_REASON, Fake, fake_record
from .reading import LOADING, Element, every, packed_json, read, section, words


@pytest.fixture(scope="module")
def root(page: Path) -> Element:
    return read(page.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def hostile_root(hostile_page: Path) -> Element:
    return read(hostile_page.read_text(encoding="utf-8"))


def boards(root: Element) -> list[Element]:
    return [table for table in root.all("table") if "board" in table.classes()]


def test_headings_are_in_order_and_ids_are_unique(root: Element) -> None:
    levels = [int(e.tag[1]) for e in every(root) if re.fullmatch(r"h[1-6]", e.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [e.attributes["id"] for e in every(root) if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    assert root.all("html")[0].attributes["lang"] == "en"


def test_every_link_inside_the_page_leads_somewhere(root: Element) -> None:
    ids = {e.attributes.get("id") for e in every(root)}
    inner = [a.attributes["href"][1:] for a in root.all("a") if a.attributes["href"].startswith("#")]
    assert inner
    assert set(inner) <= ids
    labelled = {e.attributes["aria-labelledby"] for e in every(root) if "aria-labelledby" in e.attributes}
    assert labelled <= ids


def test_nothing_is_loaded(root: Element) -> None:
    loaded = [value for e in every(root) for name, value in e.attributes.items() if name in LOADING]
    assert loaded
    assert all(value.startswith("data:image/") for value in loaded)
    assert [e.attributes["href"] for e in root.all("link")] == ["data:,"]
    styles = " ".join(e.text for e in root.all("style"))
    assert "@import" not in styles
    assert re.findall(r"url\((?!['\"]?data:|#)", styles) == []
    policy = next(e for e in root.all("meta") if e.attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.attributes["content"].startswith("default-src 'none';")


def test_each_number_is_the_tables(root: Element, plain: Record) -> None:
    """Every cell of every leaderboard, against ``stats.leaderboard`` of the stored table."""
    board = Board(plain)
    tidy = leaderboard(plain.results, 0, scales(plain.info))
    tables = boards(section(root, "leaderboard"))
    assert len(tables) == 2
    for block, table in zip(board.blocks, tables, strict=True):
        check_rows(table.all("tr"), block.quality, tidy[tidy["layer"] == block.layer])


def test_each_cost_is_the_tables(root: Element, plain: Record) -> None:
    """A table for the network, with a group of rows per layer."""
    tidy = leaderboard(plain.results, 0, scales(plain.info))
    (table,) = boards(section(root, "cost"))
    (costs,) = cost_tables(Board(plain).blocks)
    bodies = table.all("tbody")
    assert [words(body.text) for body in bodies if "label" in body.classes()] == ["stage3 · photos", "stage4 · photos"]
    for place, layer in ((1, "stage3"), (4, "stage4")):
        rows = [tr for body in bodies[place : place + 2] for tr in body.all("tr")]
        check_rows(rows, costs.metrics, tidy[tidy["layer"] == layer])


def check_rows(lines: list[Element], metrics: Sequence[Metric], tidy: pd.DataFrame) -> None:
    rows = [tr for tr in lines if tr.all("td")]
    assert len(rows) == 7
    for tr in rows:
        method = tr.all("th")[0].attributes["data-sort"]
        for metric, td in zip(metrics, tr.all("td"), strict=True):
            here = tidy[(tidy["method"] == method) & (tidy["metric"] == metric.name)]
            (row,) = here.to_dict("records")
            check_cell(td, row, metric.decimals)


def check_cell(td: Element, row: dict[Any, Any], decimals: int) -> None:
    if not row["n"]:
        assert words(td.text).startswith("n/a")
        assert td.attributes["title"] == CAM_REASON
        return
    assert float(td.attributes["data-sort"]) == row["mean"]
    text = words(td.text)
    assert text.startswith(fixed(row["mean"], decimals))
    if pd.notna(row["low"]):
        assert f"[{fixed(row['low'], decimals)}, {fixed(row['high'], decimals)}]" in text


def test_the_best_are_bold_and_no_one_else(root: Element, plain: Record) -> None:
    board = Board(plain)
    bold = 0
    for table in [*boards(section(root, "leaderboard")), *boards(section(root, "cost"))]:
        for tr in [tr for tr in table.all("tr") if tr.all("td")]:
            for td in tr.all("td"):
                if td.all("strong"):
                    bold += 1
                    assert words(tr.all("th")[0].text) in {
                        "gradcam",
                        "gradcam++",
                        "scorecam(variant=torchcam)",
                        "layercam",
                    }
                    assert "failed" not in td.text
    quality = {metric.name for metric in board.of()}
    cheapest = [
        group.cheapest(metric)
        for table in cost_tables(board.blocks)
        for group in table.groups
        for metric in table.metrics
    ]
    assert bold == sum(len(contest.best) for contest in board.contests if contest.key[3] in quality) + sum(
        len(names) == 1 for names in cheapest
    )


def test_failures_are_told_in_the_cell_in_a_footnote_and_above(root: Element) -> None:
    text = words(root.text)
    assert "2 of 12 failed" in text
    assert "layercam: of 12 images 2 failed (RuntimeError: out of memory)" in text
    assert f"cam: not applicable: {CAM_REASON}" in text
    assert "20 values could not be computed (layercam)" in text
    assert "tinynet: random weights" in text
    assert "Few images (12)" in text


def test_what_was_compared_is_told(root: Element) -> None:
    text = words(root.text.replace("torch2.9.0", "torch: 2.9.0"))
    for phrase in (
        "10 of 12 correct on photos",
        "0123456789abcdef",
        "12 used of 20 available",
        "4,652,008 parameters",
        "torch: 2.9.0",
        "photos: 12 of 20 images, fedcba9876543210",
        "resize 256, crop 224, mean [0.5, 0.5, 0.5]",
        "rise-28",
        "Example CPU",
        "A non-significant difference is not evidence of equality",
        "65 forward, 1 backward",
    ):
        assert phrase in text, phrase


def test_findings_of_one_block_name_the_best_with_its_interval(single: Record) -> None:
    board = Board(single)
    (table,) = boards(section(read(document.render(Marked.of(single))), "findings"))
    rows = {words(tr.inside[0].text): [words(cell.text) for cell in tr.inside[1:]] for tr in table.all("tr")[1:]}
    (contest,) = [c for c in board.contests if c.key[3] == "insertion"]
    row = board.tidy.loc[list(contest.best)].to_dict("records")[0]
    digits = board.decimals[contest.key]
    best, mean, better, level, sanity = rows["Insertion AUC ↑, higher is better rise-28"]
    assert best == row["method"]
    assert mean == f"{fixed(row['mean'], digits)} [{fixed(row['low'], digits)}, {fixed(row['high'], digits)}]"
    others = {name for name in (r.method for r in board.blocks[0].methods) if name not in (best, "cam")}
    assert better == "all others" or set(re.split(", | and ", f"{better}, {level}")) - {"none", "–"} == others
    assert sanity == "passes"


def test_the_same_run_gives_the_same_page(plain: Record, page: Path) -> None:
    assert document.render(Marked.of(plain)) == page.read_text(encoding="utf-8")


def test_pictures_say_what_they_show(root: Element) -> None:
    """Curves, cost and five diagrams of ranks of two blocks, and the depth of one network."""
    every = [e for e in (*root.all("div"), *root.all("svg")) if e.classes() & {"live", "drawing"}]
    pictures = [e for e in every if "id" not in e.attributes]  # the plot of an enlarged photograph has one
    assert len(pictures) == 15
    labels = [picture.attributes["aria-label"] for picture in pictures if picture.attributes["role"] == "img"]
    assert len(labels) == 15
    assert all(len(label) > 60 for label in labels)
    (curves, _) = [label for label in labels if label.startswith("Mean probability")]
    assert "gradcam 0." in curves


def test_each_number_by_depth_is_the_tables(root: Element, plain: Record) -> None:
    tidy = leaderboard(plain.results, 0, scales(plain.info))
    metrics = Board(plain).blocks[0].quality
    shown = boards(section(root, "depth"))
    assert len(shown) == len(metrics) == 5
    for metric, table in zip(metrics, shown, strict=True):
        assert [words(th.text) for th in table.all("thead")[0].all("th")] == ["Method", "stage3", "stage4"]
        rows = [tr for tr in table.all("tr") if tr.all("td")]
        assert len(rows) == 7
        for tr in rows:
            method = words(tr.all("th")[0].text).removesuffix(" control")
            for layer, td in zip(("stage3", "stage4"), tr.all("td"), strict=True):
                here = tidy[(tidy["layer"] == layer) & (tidy["method"] == method) & (tidy["metric"] == metric.name)]
                assert td.attributes["data-sort"] == (str(here["mean"].iloc[0]) if here["n"].iloc[0] else "")


def test_the_matrix_is_the_agreement(root: Element, plain: Record) -> None:
    board = Board(plain)
    first, second = boards(section(root, "agreement"))
    for layer, table in (("stage3", first), ("stage4", second)):
        names = [words(th.text) for th in table.all("thead")[0].all("th")]
        titles = {metric.title: metric.name for metric in board.metrics}
        for place, tr in enumerate([tr for tr in table.all("tr") if len(tr.all("td")) > 1]):
            assert [words(td.text) for td in tr.all("td")][place] == "1.00"
            for at, td in enumerate(tr.all("td")):
                pair = {titles[names[place]], titles[names[at]]}
                rows = board.agreement[board.agreement["layer"] == layer].to_dict("records")
                wanted = [row["tau"] for row in rows if {row["metric"], row["other_metric"]} == pair and len(pair) == 2]
                assert wanted == [] or words(td.text) == fixed(wanted[0], 2)


def test_the_files_are_named_with_their_digests(root: Element, plain: Record) -> None:
    text = section(root, "provenance").text
    for name in ("run.json", "results.parquet", "maps/index.parquet"):
        assert f"{name}{sha256((plain.folder / name).read_bytes()).hexdigest()[:16]}" in text


def test_what_is_missing_is_counted_by_reason(root: Element) -> None:
    table = boards(section(root, "health"))[0]
    rows = [[words(cell.text) for cell in tr.inside] for tr in table.all("tr")][1:]
    assert rows == [
        ["RuntimeError: out of memory", "failed", "layercam", "2", "20"],
        [CAM_REASON, "not applicable", "cam", "2", "126"],
    ]


def test_the_selector_offers_what_there_is_to_choose_from(tmp_path: Path, root: Element) -> None:
    many = fake_record(tmp_path, Fake(models=["a", "b"], datasets=["c", "d"], samples=["one", "two"]))
    read_back = read(document.render(Marked.of(many)))
    assert selected(read_back) == {
        "network": (["all", "a", "b"], "a"),
        "data": (["all", "c", "d"], "c"),
        "layer": (["all", "stage3", "stage4"], "stage4"),
        "family": (["all", "faithfulness", "localisation"], ""),
    }
    assert len(boards(section(read_back, "leaderboard"))) == 8
    assert selected(root) == {
        "layer": (["all", "stage3", "stage4"], ""),
        "family": (["all", "faithfulness", "localisation"], ""),
    }


def selected(page: Element) -> dict[str, tuple[list[str], str]]:
    """By key of the selector: the names that it offers, and the name that the page opens with."""
    boxes = [box for box in page.all("select") if "data-key" in box.attributes]
    return {
        box.attributes["data-key"]: (
            [words(option.text) for option in box.all("option")],
            "".join(words(option.text) for option in box.all("option") if "selected" in option.attributes),
        )
        for box in boxes
    }


def test_hostile_names_are_text(hostile_root: Element) -> None:
    plain_tags = {e.tag for e in every(hostile_root)}
    assert "b" not in plain_tags
    scripts = [e for e in hostile_root.all("script") if e.attributes.get("type") == "module"]
    assert len(scripts) == len(document.SCRIPTS)
    assert not any("hacked" in script.text for script in scripts)
    assert all(not name.startswith("on") for e in every(hostile_root) for name in e.attributes)
    shown = {words(th.text) for table in boards(hostile_root) for th in table.all("th")}
    assert HOSTILE.methods[2] in shown
    assert HOSTILE.methods[4] in shown
    assert HOSTILE.methods[5] in shown
    assert "שלום\ufffdevil" in shown


def test_no_name_can_reorder_the_page(hostile_page: Path) -> None:
    assert "\u202e" not in hostile_page.read_text(encoding="utf-8")


def test_embedded_json_cannot_end_its_script(hostile_root: Element) -> None:
    scripts = [e for e in hostile_root.all("script") if e.attributes.get("type") == "application/json"]
    kept = {e.attributes["id"]: json.loads(e.text) for e in scripts}
    assert all("<" not in e.text for e in scripts)
    only = kept["gallery-data"]["sets"][0]
    assert only["images"][0]["sample"] == HOSTILE.samples[0]
    assert only["methods"][2]["name"] == HOSTILE.methods[2]
    assert HOSTILE.methods[2] in packed_json(hostile_root, "downloads")["block-1"]["csv"]


def test_no_name_leaves_the_file_names_alphabet(hostile_root: Element) -> None:
    bars = [e.attributes["data-file"] for e in hostile_root.all("p") if "data-table" in e.attributes]
    assert bars
    assert all(re.fullmatch(r"benchbench-[a-z0-9.-]{1,80}", name) for name in bars)


@pytest.mark.parametrize(
    ("paper", "address"),
    [
        ("arXiv:1610.02391", "https://arxiv.org/abs/1610.02391"),
        ("arXiv:1610.02391v4", "https://arxiv.org/abs/1610.02391"),
        ("doi:10.1007/s11263-019-01228-7", "https://doi.org/10.1007/s11263-019-01228-7"),
        ("https://example.org/a?b=1", "https://example.org/a?b=1"),
        ("javascript:alert(1)", ""),
        ('https://x" onclick="alert(1)', ""),
        ("a talk, 2019", ""),
        ("", ""),
    ],
)
def test_papers_become_links_only_where_they_are_addresses(paper: str, address: str) -> None:
    assert link(paper) == address


def test_a_run_of_costs_alone_has_a_page(single: Record) -> None:
    costs = single.results["sample"].isna()
    text = words(
        read(document.render(Marked.of(Record(single.folder, single.info, single.results[costs], *empty(single))))).text
    )
    assert "this run measures costs only" in text
    assert "Deletion and insertion curves" not in text


def test_a_run_where_everything_failed_has_a_page(tmp_path: Path) -> None:
    record = fake_record(tmp_path, Fake(methods=["cam"], controls=[], layers=["last"]))
    text = words(read(document.render(Marked.of(record))).text)
    assert "no method has a value: see Missing values and map health" in text


def empty(record: Record) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return record.curves.head(0), record.maps.head(0), record.photos.head(0)


def test_a_metric_that_the_run_does_not_describe_is_an_error(single: Record) -> None:
    info = {**single.info, "metrics": single.info["metrics"][1:]}
    with pytest.raises(BenchError, match="deletion"):
        document.render(
            Marked.of(Record(single.folder, info, single.results, single.curves, single.maps, single.photos))
        )
