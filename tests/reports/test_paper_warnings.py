"""A network with a warning: the paper's tables and figures say so, and no mean over networks counts it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchbench.reports.figures.main_figure import DISOWNED, main_figure
from benchbench.reports.figures.pdf import looks
from benchbench.reports.latex.leaderboard import render
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard.selected import selected
from benchbench.reports.leaderboard.selection import Selection
from benchbench.reports.leaderboard.statement import network_warnings
from benchbench.reports.markdown import markdown_table
from benchbench.results.record import Record

from .fake import Fake, fake_record
from .planted_record import Planted, marked
from .test_paper_tables import cells_of

NAMES = ("ann", "bob", "cid", "dan")
WARNING = "odd has RANDOM weights"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Record:
    fake = Fake(models=["net", "odd"], layers=["last"], methods=NAMES, controls=["random"], samples=["a"])
    return fake_record(tmp_path_factory.mktemp("warned"), fake)


def both(base: Record, warnings: dict[str, str]) -> Marked:
    """ann is first on net, and last on odd."""
    steps = np.linspace(-0.05, 0.05, 30)

    def planted(model: str, *means: float) -> Planted:
        values = {name: mean + steps for name, mean in zip(NAMES, means, strict=True)}
        return Planted("deletion", {**values, "random": np.full(30, 0.01)}, model=model)

    return marked(base, [planted("net", 0.8, 0.6, 0.4, 0.2), planted("odd", 0.2, 0.4, 0.6, 0.8)], warnings)


def ranks(shown: Marked) -> dict[str, float]:
    """By method, the last column of the table of one metric by network."""
    some = selected(shown, Selection(metrics=("deletion",)))
    rows = cells_of(render(some, columns="networks", rank=True, spread="none"))
    return {row[0]: float(re.sub(r"[^\d.]", "", row[-1])) for row in rows if row[0] in NAMES}


def test_the_rank_of_a_table_leaves_out_the_network(base: Record) -> None:
    assert ranks(both(base, {})) == dict.fromkeys(NAMES, 2.5)
    warned = both(base, {"odd": WARNING})
    assert ranks(warned) == {"ann": 1, "bob": 2, "cid": 3, "dan": 4}
    text = " ".join(render(warned, columns="networks", rank=True, spread="none").split())
    assert "Columns of a network with a warning (odd) do not count in it." in text
    assert WARNING in text


def test_the_statement_has_the_warning(base: Record) -> None:
    sentence = f"Warning of odd: {WARNING}."
    warned = both(base, {"odd": WARNING})
    assert network_warnings(warned) == (sentence,)
    assert sentence in markdown_table(warned)
    assert sentence in " ".join(render(warned).replace(r"\allowbreak{}", "").split())
    assert network_warnings(both(base, {})) == ()


def test_the_main_figure_marks_the_network_and_leaves_it_out_of_means(base: Record) -> None:
    for warnings, mean in (({}, 2.5), ({"odd": WARNING}, 1.0)):
        shown = both(base, warnings)
        picture = main_figure(shown, looks(shown))
        assert picture is not None
        (axis, *_) = picture.figure.axes
        means = [float(np.atleast_1d(line.get_xdata())[0]) for line in axis.lines if line.get_marker() == "|"]
        assert means[0] == pytest.approx(mean)
        labels = [text.get_text() for legend in picture.figure.legends for text in legend.get_texts()]
        assert ("odd" + DISOWNED in labels) == bool(warnings)


def test_where_all_have_a_warning_all_count(base: Record) -> None:
    shown = both(base, {"odd": WARNING, "net": "net has RANDOM weights"})
    assert shown.board.disowned == frozenset()
    assert set(shown.board.warned) == {"net", "odd"}
