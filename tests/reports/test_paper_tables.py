"""Tables for a paper: which rows and columns, under which names, in the classes that papers have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from benchbench.errors import BenchError
from benchbench.reports.latex.bibliography import bibliography
from benchbench.reports.latex.leaderboard import render
from benchbench.reports.leaderboard.marks import Marked, MarksShown
from benchbench.reports.leaderboard.selected import selected
from benchbench.reports.leaderboard.selection import Selection
from benchbench.reports.leaderboard_files import render_table
from benchbench.reports.table_options import TableOptions
from benchbench.results.record import Record

from .fake import Fake, fake_record
from .test_latex import BAD
from .typesetting import CLASSES, TWO_COLUMNS, compiled, pages, pages_of_tables

METHODS = ("Grad-CAM", "Grad-CAM++", "Score-CAM", "Layer-CAM", "XGrad-CAM", "HiResCAM")
PLACES = ("ResNet-18", "VGG-16"), ("Pascal VOC", "Photographs"), ("layer3", "layer4")


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Marked:
    """Two networks x two data x two layers, six methods and two controls x eight metrics."""
    models, datasets, layers = PLACES
    fake = Fake(
        models=models,
        datasets=datasets,
        layers=layers,
        methods=METHODS,
        samples=tuple(f"s{i}" for i in range(8)),
    )
    return Marked.of(fake_record(tmp_path_factory.mktemp("eight"), fake))


def cells_of(text: str) -> list[list[str]]:
    """The cells of every row of a table's body, without marks; rows that are headings have one cell."""
    rows = []
    for line in text.splitlines():
        if line.endswith((r"\\", r"\\*", r"\\[-1pt]")) and not line.startswith(r"\begin{tabular}"):
            plain = re.sub(r"\\makebox\[\d+pt\]\[l\]\{(\$\^\{[^$]*\}\$)?\}|\\phantom\{0*\}|\\allowbreak\{\}", "", line)
            plain = re.sub(r"\\(textbf|underline)\{([^}]*)\}", r"\2", plain)
            rows.append([cell.strip() for cell in re.sub(r"\\\\.*", "", plain).replace("{-}", "-").split(" & ")])
    return rows


def number(marked: Marked, *key: str) -> str:
    return shown(marked, *key).cell.text


def shown(marked: Marked, *key: str) -> MarksShown:
    return marked.cells[key]


@pytest.mark.parametrize(("style", "kind"), [*(("full", kind) for kind in CLASSES), ("compact", "article")])
def test_a_study_of_eight_settings_takes_two_pages(eight: Marked, style: str, kind: str, tmp_path: Path) -> None:
    log = compiled(kind, render(eight, style), tmp_path, "eight")
    assert BAD.findall(log) == []
    assert len(pages_of_tables(tmp_path, "eight")) <= 2
    if kind not in TWO_COLUMNS:  # where a wide table never stands on the document's first page
        assert pages(log) <= 2


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    "options",
    [
        {"spread": "pm", "rank": True},
        {"columns": "networks", "spread": "se"},
        {"columns": "layers", "spread": "interval"},
        {"rows": "networks"},
        {"rows": "networks", "columns": "methods"},
        {"rows": "networks", "columns": "layers"},
    ],
    ids=str,
)
def test_every_layout_compiles(plain: Record, options: dict[str, Any], kind: str, tmp_path: Path) -> None:
    cite = options.get("columns") in (None, "methods")
    text = render(Marked.of(plain), cite=cite, **options)
    log = compiled(kind, text, tmp_path, "layout", bibliography(plain.info) if cite else "")
    assert BAD.findall(log) == []


def test_a_table_breaks_between_settings(eight: Marked) -> None:
    """Each setting's methods stand together, in one tabular."""
    tabulars = re.findall(r"\\begin\{tabular\}\{>.*?\\bottomrule", render(eight), re.DOTALL)
    assert len(tabulars) > 1
    for text in tabulars:
        names = [row[0] for row in cells_of(text) if len(row) > 2 and row[0] in METHODS]
        assert len(names) % len(METHODS) == 0
        assert names == list(METHODS) * (len(names) // len(METHODS))


def test_one_metric_has_a_column_for_each_network_and_data(eight: Marked) -> None:
    selection = Selection(metrics=("deletion",), layers=("layer4",))
    some = selected(eight, selection)
    rows = cells_of(render(some, spread="none"))
    networks, datasets = PLACES[:2]
    for name in METHODS:
        wanted = [number(some, m, d, "layer4", name, "deletion", "rise-28") for m, d in product(networks, datasets)]
        assert [name, *wanted] in rows
    assert r"\caption{Deletion AUC (lower is better), layer4, by network and data: " in render(some)
    markdown = render_table(eight, "markdown", TableOptions(spread="none", selection=selection))
    assert "| Method | ResNet-18 · Pascal VOC | ResNet-18 · Photographs | VGG-16 · Pascal VOC |" in markdown


def test_layers_side_by_side(eight: Marked) -> None:
    some = selected(eight, Selection(metrics=("insertion", "deletion"), networks=("VGG-16",)))
    rows = cells_of(render(some, spread="none", columns="layers"))
    key = ("Score-CAM", "insertion", "rise-28")
    wanted = [number(some, "VGG-16", "Pascal VOC", layer, *key) for layer in ("layer3", "layer4")]
    assert ["Score-CAM", *wanted] in rows
    headings = [row[0] for row in rows if row[0].startswith((r"\multicolumn", r"\addlinespace"))]
    assert ["insertion" in text for text in headings] == [True, False] * 2  # in the order that was asked for


def test_networks_in_rows(eight: Marked) -> None:
    some = selected(eight, Selection(metrics=("deletion",), methods=("HiResCAM", "Grad-CAM"), layers=("layer3",)))
    rows = cells_of(render(some, spread="none", rows="networks", columns="methods"))
    assert ["Network", "HiResCAM", "Grad-CAM"] in [
        [re.sub(r"\\begin\{tabular\}\[b\]\{@\{\}c@\{\}\}|\\end\{tabular\}", "", cell) for cell in row] for row in rows
    ]
    place = ("VGG-16", "Photographs", "layer3")
    wanted = [number(some, *place, name, "deletion", "rise-28") for name in ("HiResCAM", "Grad-CAM")]
    assert ["VGG-16, Photographs", *wanted] in rows


def test_a_column_has_equal_digits(eight: Marked) -> None:
    even = selected(eight)
    for metric in eight.board.metrics:
        key = metric.name, metric.protocol
        digits = {cell.cell.metric.decimals for name, cell in even.cells.items() if name[4:] == key}
        assert len(digits) == 1
    texts = [row[1] for row in cells_of(render(eight)) if row[0] in METHODS]
    assert {len(text.partition(".")[2]) for text in texts} == {3}


def test_the_rank_is_the_mean_of_the_ranks_over_quality(eight: Marked) -> None:
    even = selected(eight)
    rows = cells_of(render(eight, rank=True, spread="none"))
    ranks = iter(row[6] for row in rows if row[0] in METHODS)  # after five metrics of quality
    for place in product(*PLACES):
        for name in METHODS:
            cells = [c for key, c in even.cells.items() if key[:4] == (*place, name) and not c.cell.metric.is_cost]
            counted = [cell for cell in cells if not cell.cell.metric.gamed]
            assert len(cells) == 5
            mean = sum(cell.mark.rank for cell in counted) / len(counted)
            assert next(ranks) == f"{mean:.1f}"


@pytest.mark.parametrize("spread", ["pm", "se", "interval"])
def test_the_spread(eight: Marked, spread: str) -> None:
    some = selected(eight, Selection(networks=("VGG-16",), datasets=("Photographs",), layers=("layer3",)))
    text = render(some, spread=spread)
    for cell in some.cells.values():
        if cell.cell.metric.is_cost or not cell.cell.n:
            continue
        digits, mean = cell.cell.metric.decimals, cell.cell.mean
        up, down = (f"{abs(end - mean):.{digits}f}" for end in (cell.cell.high, cell.cell.low))
        equal = rf"{{\scriptsize $\pm$\,{up}}}"
        wanted = {
            "pm": equal if up == down else f"$^{{+{up}}}_{{-{down}}}$",
            "se": rf"\pm$\,{cell.mark.error:.{digits}f}",
            "interval": f"[{cell.cell.low:.{digits}f}, {cell.cell.high:.{digits}f}]",
        }[spread]
        assert wanted in text.replace("{[}", "[").replace("{]}", "]")


def test_a_dagger_is_explained_only_where_there_is_one(eight: Marked) -> None:
    for place in product(*PLACES):
        model, data, layer = place
        for metric in ("deletion", "increase"):
            setting = Selection(networks=(model,), datasets=(data,), layers=(layer,), metrics=(metric,))
            some = selected(eight, setting)
            has = any(cell.mark.worse for cell in some.cells.values())
            text = render(some)
            assert (r"$^{\dagger}$" in text) == has
            assert ("significantly worse" in text) == has
            assert ("A dagger" in text) == has


def test_the_caption_is_short_and_the_statistics_are_in_the_text(eight: Marked) -> None:
    text = render(eight)
    captions = re.findall(r"\\caption\{(.*?)\}\\label", text)
    assert all(len(caption.replace(r"\allowbreak{}", "")) < 400 for caption in captions)
    assert "Wilcoxon" not in "".join(captions)
    assert "Wilcoxon" in text[text.index(r"\paragraph{Statistics.}") :]


def test_names_of_the_user(eight: Marked, tmp_path: Path) -> None:
    names = {"Grad-CAM": "Ours & theirs", "Pascal VOC": "VOC", "deletion": "Del_1", "layer3": "Stage 3"}
    text = render(selected(eight, Selection(names=names)), spread="none")
    assert BAD.findall(compiled("article", text, tmp_path, "names")) == []
    assert r"Ours \& theirs" in text
    assert r"Del\_1" in text
    assert "ResNet{-}18, VOC, Stage 3" in text
    assert "Pascal" not in text
    plain, named = (cells_of(render(each, spread="none")) for each in (eight, selected(eight, Selection(names=names))))
    assert [row[1:] for row in plain if row[0] in METHODS] == [
        row[1:] for row in named if row[0] in (r"Ours \& theirs", *METHODS)
    ]


def test_the_user_gets_what_two_columns_cannot_hold(eight: Marked) -> None:
    """Every number of the study is in its table, whatever the split."""
    even, rows = selected(eight), cells_of(render(eight, spread="none"))
    body = [row for row in rows if row[0] in METHODS]
    assert len(body) == len(METHODS) * 8
    numbers = iter(body)
    for place in product(*PLACES):
        for name in METHODS:
            row = next(numbers)
            wanted = [number(even, *place, name, m.name, m.protocol) for m in even.board.metrics]
            assert row == [name, *wanted]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"rows": "networks", "columns": "networks"}, "--columns: networks cannot be in the columns if networks are in"),
    ({"columns": "methods"}, "--columns: methods cannot be in the columns if methods are in the rows"),
    ({"columns": "metric"}, "unknown columns 'metric'. Did you mean 'metrics'"),
    ({"rows": "method"}, "unknown rows 'method'. Did you mean 'methods'"),
    ({"style": "compact", "columns": "layers"}, "the style 'compact' has no option columns"),
    ({"style": "supplementary", "rank": True}, "the style 'supplementary' has no option rank"),
    ({"rows": "networks", "columns": "methods", "rank": True}, "a mean rank needs methods in the rows"),
    ({"selection": Selection(metrics=("runtime",)), "rank": True}, "no metric of the table counts in a mean rank"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_what_does_not_go_together_is_one_line(eight: Marked, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError) as raised:
        render_table(eight, "latex", TableOptions(**options))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("format", "options", "message"),
    [
        ("csv", {"rank": True}, "csv has no --rank. Leave it out, or say --format latex or --format markdown"),
        ("csv", {"selection": Selection(names={"a": "b"})}, "csv is for programs and keeps the names of study files"),
        ("markdown", {"cite": True}, "markdown has no --cite. Leave it out, or say --format latex"),
        ("html", {"selection": Selection(methods=("a",))}, "html has no --methods"),
    ],
)
def test_what_a_format_does_not_take_is_one_line(format: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError) as raised:
        TableOptions(**options).refuse_for(format)
    assert message in str(raised.value)


def test_the_same_run_gives_the_same_bytes(plain: Record) -> None:
    def texts() -> Iterator[str]:
        layouts: list[dict[str, Any]] = [{}, {"columns": "networks", "cite": True}, {"rows": "networks", "rank": True}]
        for options in layouts:
            yield render(Marked.of(plain), **options)

    assert list(texts()) == list(texts())
