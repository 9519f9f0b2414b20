"""Mean ranks per family, and methods by metrics: against numbers that are planted or computed in another way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchbench.reports.html import document
from benchbench.reports.html.heat import heat_rows
from benchbench.reports.leaderboard.family_ranks import FamilyRanks
from benchbench.reports.leaderboard.heat_matrix import HeatMatrix
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record
from benchbench.stats import overall

from ..stats.planted import NOT_APPLICABLE, Values
from .fake import Fake, fake_record
from .planted_record import Planted, marked

NAMES = ("ann", "bob", "cid", "dan")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Record:
    fake = Fake(models=["net", "odd"], layers=["last"], methods=NAMES, controls=["random"], samples=["a"])
    return fake_record(tmp_path_factory.mktemp("base"), fake)


def levels(*means: float, images: int = 30, control: float = 0.01) -> Values:
    """Values that differ by the same steps on every image."""
    steps = np.linspace(-0.05, 0.05, images)
    return {**{name: mean + steps for name, mean in zip(NAMES, means, strict=True)}, "random": np.full(images, control)}


DELETION = Planted("deletion", levels(0.8, 0.6, 0.4, 0.2))
POINTING = Planted("pointing", levels(0.5, 0.6, 0.1, 0.4), "localisation")
ENTROPY = Planted("entropy", levels(0.1, 0.2, 0.3, 0.9), "complexity")


def test_ranks_per_family_are_those_of_orders_over_these_metrics(base: Record) -> None:
    shown = marked(base, [DELETION, POINTING, ENTROPY])
    ranks = FamilyRanks.of(shown)
    assert ranks.families == ("quality", "faithfulness", "localisation", "complexity")
    assert (ranks.ranked, ranks.comparisons) == ((4, 4, 4, 4), (2, 1, 1, 1))
    assert ranks.rank.shape == ranks.low.shape == ranks.high.shape == (4, 4)
    by_name = dict(zip(ranks.methods, ranks.rank.tolist(), strict=True))
    assert by_name == {"ann": [1.5, 1, 2, 4], "bob": [1.5, 2, 1, 3], "cid": [3.5, 3, 4, 2], "dan": [3.5, 4, 3, 1]}
    for column, family in enumerate(ranks.families[1:], start=1):
        verdicts = shown.verdicts
        table = overall(verdicts.results, verdicts.scales, verdicts.board.controls, families=[family]).set_index(
            "method"
        )
        np.testing.assert_allclose(ranks.low[:, column], table.loc[list(ranks.methods), "rank_low"])
        np.testing.assert_allclose(ranks.high[:, column], table.loc[list(ranks.methods), "rank_high"])


def test_a_family_that_ranks_some_methods_has_no_rank_for_the_others(base: Record) -> None:
    some = {**levels(0.5, 0.6, 0.1, 0.4), "dan": [NOT_APPLICABLE] * 30}
    ranks = FamilyRanks.of(marked(base, [DELETION, replace(POINTING, values=some)]))
    place = (ranks.methods.index("dan"), ranks.families.index("localisation"))
    assert np.isnan(ranks.rank[place])
    assert np.isnan(ranks.rank).sum() == 1
    assert ranks.ranked == (4, 4, 3)


def test_one_family_that_is_all_of_quality_stands_once(base: Record) -> None:
    ranks = FamilyRanks.of(marked(base, [DELETION, ENTROPY]))
    assert ranks.families == ("faithfulness", "complexity")
    assert ranks.methods[0] == "ann"
    assert ranks.rank.tolist() == [[1, 4], [2, 3], [3, 2], [4, 1]]


def test_without_an_order_there_is_nothing_to_plot(base: Record) -> None:
    won = replace(DELETION, values=levels(0.8, 0.6, 0.4, 0.2, control=0.99))
    ranks = FamilyRanks.of(marked(base, [won]))
    assert ranks.methods == ranks.families == ()
    assert ranks.rank.shape == (0, 0)


def test_the_best_method_has_one_and_the_worst_zero(base: Record) -> None:
    heat = HeatMatrix.of(marked(base, [DELETION, POINTING, ENTROPY]))
    assert heat.methods[:2] == ("ann", "bob")
    assert [metric.name for metric in heat.metrics] == ["deletion", "pointing", "entropy"]
    rows = dict(zip(heat.methods, heat.score.tolist(), strict=True))
    assert rows["ann"] == pytest.approx([1, 0.8, 0])
    assert rows["bob"] == pytest.approx([2 / 3, 1, 0.125])
    assert rows["cid"] == pytest.approx([1 / 3, 0, 0.25])
    assert rows["dan"] == pytest.approx([0, 0.6, 1])
    assert (heat.settings == 1).all()
    assert heat.compared.tolist() == [1, 1, 1]
    assert (heat.best == (heat.score == 1)).all()
    assert (heat.worse == (heat.score < 1)).all(), "all are worse than the best on every image"


def test_settings_are_averaged_and_counted(base: Record) -> None:
    """On the other network the order is reversed; its warning leaves it out of the whole matrix."""
    other = replace(DELETION, model="odd", values=levels(0.2, 0.4, 0.6, 0.8))
    both = marked(base, [DELETION, other])
    heat = HeatMatrix.of(both)
    np.testing.assert_allclose(heat.score[:, 0], 0.5)
    by_name = dict(zip(heat.methods, zip(heat.best[:, 0], heat.worse[:, 0], strict=True), strict=True))
    assert by_name == {"ann": (1, 1), "bob": (0, 2), "cid": (0, 2), "dan": (1, 1)}
    assert heat.compared.tolist() == [2]
    heat_map = HeatMatrix.of(both, ("odd", "photos", "last"))
    assert dict(zip(heat_map.methods, heat_map.score[:, 0], strict=True))["dan"] == 1
    trusted = HeatMatrix.of(marked(base, [DELETION, other], {"odd": "odd has RANDOM weights"}))
    assert dict(zip(trusted.methods, trusted.score[:, 0], strict=True))["ann"] == 1
    assert trusted.compared.tolist() == [1]


def test_a_metric_that_a_control_wins_is_flagged(base: Record) -> None:
    won = replace(POINTING, values=levels(0.5, 0.6, 0.1, 0.4, control=0.99))
    heat = HeatMatrix.of(marked(base, [DELETION, won]))
    assert heat.failing.tolist() == [0, 1]


def test_a_setting_that_a_control_wins_does_not_count_beside_others(base: Record) -> None:
    """On the other network the order is reversed, and a control wins: the score is that of the first network."""
    won = replace(DELETION, model="odd", values=levels(0.2, 0.4, 0.6, 0.8, control=0.99))
    heat = HeatMatrix.of(marked(base, [DELETION, won]))
    by_name = dict(zip(heat.methods, heat.score[:, 0], strict=True))
    assert by_name == pytest.approx({"ann": 1, "bob": 2 / 3, "cid": 1 / 3, "dan": 0})
    assert (heat.failing.tolist(), heat.compared.tolist(), heat.settings[:, 0].tolist()) == ([1], [2], [1] * 4)
    cells = {name: cells[0] for name, cells in heat_rows(heat)}
    assert cells["ann"].kind == "scored"
    assert cells["ann"].text.endswith("a control beats every method in 1 of 2 settings, which is left out here")
    every = HeatMatrix.of(marked(base, [replace(won, model="net"), won]))
    assert {cells[0].kind for _, cells in heat_rows(every)} == {"failing"}


def test_networks_with_a_warning_are_named_as_hidden(base: Record) -> None:
    both = [DELETION, replace(DELETION, model="odd")]
    assert HeatMatrix.of(marked(base, both, {"odd": "odd has RANDOM weights"})).hidden == ("odd",)
    assert HeatMatrix.of(marked(base, both)).hidden == ()


def test_equal_means_all_have_one_and_missing_ones_have_none(base: Record) -> None:
    equal = {name: [0.5] * 30 for name in ("ann", "bob", "cid")}
    values: Values = {**equal, "dan": [NOT_APPLICABLE] * 30, "random": [0.1] * 30}
    heat = HeatMatrix.of(marked(base, [DELETION, Planted("pointing", values, "localisation")]))
    column = dict(zip(heat.methods, heat.score[:, 1], strict=True))
    assert [column[name] for name in ("ann", "bob", "cid")] == [1, 1, 1]
    assert np.isnan(column["dan"])
    assert heat.settings[heat.methods.index("dan")].tolist() == [1, 0]


def test_a_run_of_controls_alone_has_a_page_and_an_empty_matrix(tmp_path: Path) -> None:
    record = fake_record(tmp_path, Fake(layers=["last"], methods=[], controls=["random", "center"]))
    heat = HeatMatrix.of(Marked.of(record))
    assert (heat.methods, heat.score.shape[0], heat.best.sum()) == ((), 0, 0)
    assert "random" in document.render(Marked.of(record))
