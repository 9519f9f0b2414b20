"""Columns of shares of the ceiling, in every layout of LaTeX and Markdown tables; the supplement has them always."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchbench.errors import BenchError
from benchbench.reports.html.page import Page
from benchbench.reports.latex import paging
from benchbench.reports.latex.layout import TableLayout, sheets
from benchbench.reports.latex.leaderboard import render
from benchbench.reports.latex.table_parts import Scope
from benchbench.reports.latex.tabular import number_text
from benchbench.reports.leaderboard.marks import Mark, Marked
from benchbench.reports.leaderboard.selected import selected
from benchbench.reports.leaderboard.selection import Selection
from benchbench.reports.leaderboard_files import render_table
from benchbench.reports.table_options import TableOptions
from benchbench.results.record import Record

from .fake import Fake, fake_record
from .test_latex import BAD
from .test_paper_tables import cells_of
from .typesetting import compiled

NAMES = ("gradcam", "layercam", "random", "ceiling")
LAYERS = ("stage3", "stage4")


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Two layers, twenty images; the control ceiling is made to win insertion, and does."""
    fake = Fake(
        methods=["gradcam", "layercam"], controls=["random", "ceiling"], quality=["insertion", "deletion"],
        samples=[f"photo-{i}" for i in range(20)],
    )  # fmt: skip
    written = fake_record(tmp_path_factory.mktemp("ceiling"), fake)
    results = written.results.copy()
    won = (results["method"] == "ceiling") & (results["metric"] == "insertion")
    results.loc[won, "value"] = 0.6 * results.loc[won, "value"] + 0.6
    methods = [{**m, "optimises": ["insertion"] if m["name"] == "ceiling" else []} for m in written.info["methods"]]
    return replace(written, results=results, info={**written.info, "methods": methods})


@pytest.fixture(scope="module")
def marked(record: Record) -> Marked:
    return Marked.of(record)


def share(marked: Marked, layer: str, name: str) -> Mark:
    return marked.cells["tinynet", "photos", layer, name, "insertion", "rise-28"].mark


def mean(marked: Marked, layer: str, name: str, metric: str = "insertion") -> str:
    return marked.cells["tinynet", "photos", layer, name, metric, "rise-28"].cell.text


def rows_of(text: str) -> list[list[str]]:
    """The rows of the methods, without their colour."""
    rows = [[cell.split("color{black!60}")[-1].strip() for cell in row] for row in cells_of(text)]
    return [row for row in rows if row[0] in NAMES]


def test_each_share_is_behind_its_mean(marked: Marked) -> None:
    even = selected(marked)
    text = render(marked, spread="none", share=True)
    rows = iter(rows_of(text))
    for layer in LAYERS:
        for name in NAMES:
            percent = f"{100 * share(even, layer, name).share:.0f}".replace("-", "$-$")
            wanted = [name, mean(even, layer, name), percent, mean(even, layer, name, "deletion")]
            assert next(rows)[:4] == wanted
    assert share(even, "stage3", "random").share == 0
    assert share(even, "stage3", "ceiling").share == 1
    assert text.count(r"\% of the\\ceiling\end{tabular}") == 1
    assert r"\% of the ceiling: from a random map (0) to the ceiling (100)." in text
    assert "ceiling optimises insertion AUC." in " ".join(text.split())
    assert render(marked, spread="none") == render(marked, spread="none", share=False)
    assert "of the ceiling" not in render(marked, spread="none")


@pytest.mark.parametrize("spread", ["interval", "pm"])
def test_a_share_has_its_interval(marked: Marked, spread: str) -> None:
    text = render(marked, spread=spread, share=True)
    for layer in LAYERS:
        for name in ("gradcam", "layercam"):
            mark = share(marked, layer, name)
            low, point, high = (f"{100 * x:.0f}" for x in (mark.share_low, mark.share, mark.share_high))
            up, down = (f"{abs(100 * (end - mark.share)):.0f}" for end in (mark.share_high, mark.share_low))
            cell = rf"{number_text(point)}\,{{\scriptsize $\pm$\,{up}}}"
            two = rf"{number_text(point)}$^{{+{up}}}_{{-{down}}}$"
            beside = cell if up == down else two
            assert (number_text(f"[{low}, {high}]") if spread == "interval" else beside) in text


@pytest.mark.parametrize(
    "options",
    [
        {"columns": "layers"},
        {"columns": "networks"},
        {"rows": "networks", "columns": "methods"},
        {"style": "compact"},
        {"rank": True},
    ],
    ids=str,
)
def test_shares_in_every_layout(marked: Marked, options: dict[str, Any]) -> None:
    """Behind each column of insertion; the other columns stay as they are."""
    some = selected(marked, Selection(metrics=("insertion",), methods=("gradcam", "layercam")))
    spread: dict[str, Any] = {} if "style" in options else {"spread": "none"}
    without, having = (cells_of(render(some, share=added, **spread, **options)) for added in (False, True))
    percents = {f"{100 * share(marked, layer, name).share:.0f}" for layer in LAYERS for name in NAMES[:2]}
    names = ("gradcam", "layercam", "layer stage3", "layer stage4", "stage3", "stage4")
    plain, rich = ([row for row in rows if row[0] in names] for rows in (without, having))
    assert len(plain) == len(rich) > 0
    for row, longer in zip(plain, rich, strict=True):
        added = [cell for at, cell in enumerate(longer) if at > 0 and longer[at - 1] in row and cell in percents]
        assert added
        assert [cell for cell in longer if cell not in percents] == row


def test_the_supplement_has_shares_always(marked: Marked, record: Record) -> None:
    text = render(marked, "supplementary").replace(r"\allowbreak{}", "")
    assert text.count(r"\% of the ceiling (ceiling)") == 2
    mark = share(marked, "stage4", "layercam")
    assert f"layercam &  & {number_text(mark.share_number)} & {number_text(mark.share_interval)} &" in text
    assert "ceiling optimises insertion AUC." in " ".join(text.split())
    with pytest.raises(BenchError, match="the style 'supplementary' has no option share"):
        render(marked, "supplementary", share=True)


def test_a_table_without_a_ceiling_has_none(marked: Marked, plain: Record) -> None:
    for board, selection in ((Marked.of(plain), Selection()), (marked, Selection(metrics=("deletion",)))):
        with pytest.raises(BenchError, match="--share: no number of the table has a share of a ceiling"):
            render_table(board, "latex", TableOptions(share=True, selection=selection))
    assert "of the ceiling" not in render(Marked.of(plain), "supplementary")


def test_markdown_has_the_columns(marked: Marked) -> None:
    text = render_table(marked, "markdown", TableOptions(share=True))
    assert "| Method | insertion AUC ↑ | % of the ceiling | deletion AUC ↓ |" in text
    mark = share(marked, "stage3", "gradcam")
    assert f"| {mark.share_number} {mark.share_interval} |" in text
    assert "Share of the ceiling: (mean - random) / (ceiling - random); ceiling optimises insertion AUC." in text
    pm = render_table(marked, "markdown", TableOptions(share=True, spread="pm"))
    assert f"| {mark.share_number} " in pm
    assert mark.share_interval not in pm


def test_the_page_s_downloads_have_the_shares_of_its_table(marked: Marked) -> None:
    tables = [file["tex"] for file in Page(marked).downloads.values() if r"\% of the\\ceiling" in file.get("tex", "")]
    assert len(tables) == len(LAYERS)
    assert all(number_text(share(marked, layer, "gradcam").share_number) in "".join(tables) for layer in LAYERS)


def test_a_share_stays_behind_its_column(marked: Marked, monkeypatch: pytest.MonkeyPatch) -> None:
    """However narrow the page is, no part of the table begins with a column of shares."""
    even = selected(marked)
    scope = Scope(even.board.blocks, even.board.metrics)
    for wide in (60.0, 120.0, 180.0, 240.0):
        monkeypatch.setattr(paging, "TEXT", wide)
        for sheet in sheets(even, scope, TableLayout(columns="settings", share=True), "none"):
            parts = list(paging.split(sheet))
            assert all(part.columns[0].share_of is None for part in parts)
            assert sum(bool(column.share_of) for part in parts for column in part.columns) == len(LAYERS)


def test_tables_with_shares_compile(marked: Marked, tmp_path: Path) -> None:
    text = "\n".join(
        [
            render(marked, spread="interval", share=True, rank=True),
            render(marked, spread="pm", share=True, columns="layers"),
            render(marked, "supplementary"),
        ]
    )
    assert BAD.findall(compiled("article", text, tmp_path, "shares")) == []
