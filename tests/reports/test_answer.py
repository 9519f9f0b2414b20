"""The first answer of a run, against records of which the answer is planted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.reports.html import document
from benchbench.reports.html.finding_files import without_table
from benchbench.reports.html.images_needed import images_needed
from benchbench.reports.html.significance import Decided
from benchbench.reports.leaderboard import summary
from benchbench.reports.leaderboard.answer import Answer, Dependence
from benchbench.reports.leaderboard.findings import findings_of
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard.short_answer import answer as short_answer
from benchbench.reports.leaderboard.verdicts import Verdicts
from benchbench.reports.leaderboard.winner_cost import WinnerCost, times
from benchbench.results.record import Record
from benchbench.stats import fewest_images
from benchbench.stats.overall_ranking import COLUMNS
from benchbench.vocabulary import QUALITY_FAMILIES, QUALITY_MEANS

from ..stats.planted import NOT_APPLICABLE, Values
from .fake import Fake, fake_record
from .planted_record import Planted, marked

NAMES = ("ann", "bob", "cid")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Two networks, one dataset, one layer; three methods and a control."""
    fake = Fake(models=["net", "odd"], layers=["last"], methods=NAMES, controls=["random"], samples=["a"])
    return fake_record(tmp_path_factory.mktemp("base"), fake)


def order(*levels: float, images: int = 30, seed: int = 0, noise: float = 0.02) -> Values:
    """Values of ``NAMES`` about these levels, and of a control below them all."""
    draw = np.random.default_rng(seed)
    hard = draw.normal(0, 0.02, images)
    values = {name: level + hard + draw.normal(0, noise, images) for name, level in zip(NAMES, levels, strict=True)}
    return {**values, "random": np.full(images, 0.01)}


CLEAR = [Planted("deletion", order(0.8, 0.6, 0.4)), Planted("pointing", order(0.8, 0.6, 0.4, seed=1), "localisation")]


def test_a_clear_winner(base: Record) -> None:
    answer = Answer.of(marked(base, CLEAR))
    assert answer.best == ("ann",)
    assert (answer.rank, answer.low, answer.high) == (1, 1, 1)
    assert (answer.methods, answer.comparisons, answer.first) == (3, 2, 1)
    assert answer.verdict == "clear"
    assert answer.open_rivals == ()
    assert answer.families == QUALITY_FAMILIES
    assert answer.headline == "Best overall: ann (mean rank 1.00 of 3, 95 % CI 1.00-1.00)"
    assert (answer.depends_on, answer.left_out) == ((), ())
    assert answer.verdict_text.startswith("clear: significantly better than every other method")
    assert QUALITY_MEANS in answer.quotable


def test_another_method_with_the_best_mean_is_named(base: Record) -> None:
    """ann is a little better on 28 images, and bob much better on two."""
    close = order(0.5, 0.45, 0.2, noise=0.001)
    values = {**close, "bob": np.asarray(close["bob"], float) + np.where(np.arange(30) < 2, 0.9, 0)}
    alone = Answer.of(marked(base, [Planted("deletion", values)]))
    assert (alone.best, alone.means_text) == (
        ("ann",),
        "The best mean is that of bob: means weigh an image by its differences, ranks do not.",
    )
    assert alone.means_text in alone.quotable
    two = [Planted("deletion", values), Planted("pointing", values, "localisation")]
    assert Answer.of(marked(base, two)).means_text.startswith("The best mean in all 2 comparisons is that of bob:")
    level = Planted("pointing", {name: [0.5] * 30 for name in NAMES} | {"random": [0.1] * 30}, "localisation")
    shared = Answer.of(marked(base, [Planted("deletion", values), level]))
    assert shared.means_text.startswith("The best mean in all 2 comparisons is that of bob:"), "ann shares one of them"
    assert Answer.of(marked(base, [*CLEAR, Planted("insertion", values)])).means_text == ""
    assert Answer.of(marked(base, CLEAR)).means_text == ""


def test_a_winner_that_does_not_differ_from_the_next_is_not_clear(base: Record) -> None:
    answer = Answer.of(marked(base, [Planted("deletion", order(0.601, 0.6, 0.4, noise=0.05))]))
    second = ({"ann", "bob"} - set(answer.best)).pop()
    assert answer.verdict == "not clear"
    assert [rival.method for rival in answer.open_rivals] == [second]
    assert answer.verdict_text == f"not clear: not significantly different from {second}"
    assert answer.over_text == "over one metric of faithfulness"


@pytest.mark.parametrize("images", [1, 4])
def test_too_few_images_say_how_many_there_are_and_how_many_it_takes(base: Record, images: int) -> None:
    answer = Answer.of(marked(base, [Planted("deletion", order(0.8, 0.6, 0.4, images=images))]))
    assert (answer.verdict, answer.images, answer.needed) == ("too few images", images, fewest_images(3))
    least = fewest_images(3)
    assert answer.verdict_text == f"too few images ({images}; a significant difference takes at least {least})"
    assert Answer.of(marked(base, [Planted("deletion", order(0.8, 0.6, 0.4, images=least))])).verdict == "clear"


def test_complexity_never_moves_the_order_over_quality(base: Record) -> None:
    """Three metrics of other families, under all of which the worst method wins."""
    apart = [
        Planted(name, order(0.1, 0.2, 0.9), name) for name in ("complexity", "robustness", "randomisation", "other")
    ]
    alone, beside = marked(base, CLEAR), marked(base, [*CLEAR, *apart])
    assert Answer.of(beside) == replace(Answer.of(alone))
    assert Answer.of(beside, "complexity").best == ("cid",)
    assert Answer.of(beside, "complexity").headline.startswith("Best by complexity: cid (mean rank 1.00 of 3")
    assert set(beside.verdicts.orders) == {"quality", *QUALITY_FAMILIES, *(each.family for each in apart)}


def test_a_network_with_a_warning_is_left_out_and_that_is_told(base: Record) -> None:
    odd = [replace(each, values=order(0.1, 0.2, 0.9), model="odd") for each in CLEAR]
    answer = Answer.of(marked(base, [*CLEAR, *odd], {"odd": "odd has RANDOM weights"}))
    assert (answer.best, answer.comparisons) == (("ann",), 2)
    assert answer.left_out == ("odd is left out of the order, because it has a warning.",)
    assert Answer.of(marked(base, [*CLEAR, *odd])).best != ("ann",), "the network matters"


def test_if_every_network_has_a_warning_all_are_ranked_and_that_is_told(base: Record) -> None:
    odd = [replace(each, model="odd") for each in CLEAR]
    warnings = {"net": "net has RANDOM weights", "odd": "odd has RANDOM weights"}
    answer = Answer.of(marked(base, [*CLEAR, *odd], warnings))
    assert (answer.best, answer.comparisons, answer.units) == (("ann",), 4, 2)
    assert answer.left_out == ("Every network of the order has a warning: net and odd.",)


def test_a_metric_that_a_control_wins_is_left_out_and_that_is_told(base: Record) -> None:
    won = Planted("insertion", {**order(0.1, 0.2, 0.9), "random": np.full(30, 0.99)})
    answer = Answer.of(marked(base, [*CLEAR, won]))
    assert (answer.best, answer.comparisons) == (("ann",), 2)
    assert answer.left_out == (
        "Insertion is left out of the order, because a control has a better mean than every method.",
    )
    nothing = Answer.of(marked(base, [won]))
    assert nothing.best == ()
    assert nothing.reason == "No method is called best: a control wins every comparison that the order would rest on."


def test_what_changes_the_winner_is_named_once(base: Record) -> None:
    """bob wins localisation, of which there is a single metric, by less than ann wins faithfulness."""
    pointing = Planted("pointing", order(0.6, 0.605, 0.4, noise=0.01, seed=3), "localisation")
    answer = Answer.of(marked(base, [CLEAR[0], pointing]))
    assert answer.best == ("ann",)
    assert answer.depends_on == (Dependence("family", "faithfulness", "bob"),)
    assert answer.depends_text == "Depends on the family faithfulness (without it, bob is first)."
    assert answer.depends_text in summary.quotable(marked(base, [CLEAR[0], pointing]))[1]


def test_a_tie_for_the_first_place_is_a_change(base: Record) -> None:
    """Without deletion, all three methods tie under what is left."""
    level = Planted("pointing", {**{name: [0.5] * 30 for name in NAMES}, "random": [0.1] * 30}, "localisation")
    shown = marked(base, [CLEAR[0], level])
    answer, decided = Answer.of(shown), Decided(shown)
    assert answer.best == ("ann",)
    assert answer.depends_on == (Dependence("family", "faithfulness", "ann", NAMES),)
    assert answer.depends_text == (
        "Depends on the family faithfulness (without it, 3 methods tie for the first place)."
    )
    assert [(each.kind, each.first, each.changes) for each in decided.without] == [
        ("family", NAMES, True), ("family", ("ann",), False), ("metric", NAMES, True), ("metric", ("ann",), False),
    ]  # fmt: skip
    assert decided.omissions_text == "0 of 4 omissions change it, and 2 make other methods tie with it"
    (_, _, table, _) = without_table(decided.without)
    assert list(table["differs"]) == [True, False, True, False]
    assert table["winner"][0] == "ann = bob = cid"


def test_methods_that_share_the_best_mean_were_tested(base: Record) -> None:
    """Findings and power read the same pairs: a tie of all is no missing test."""
    level: Values = {**{name: [0.5] * 30 for name in NAMES}, "random": [0.1] * 30}
    shown = marked(base, [Planted("pointing", level, "localisation")])
    (finding,) = findings_of(shown, shown.board.blocks[0])
    assert finding.best == NAMES
    assert finding.better_than == "none: all tested methods share the best mean"
    (power,) = images_needed(shown)
    assert (power.significant, power.undecided) == (0, 3)
    untested: Values = {"ann": [0.5], "bob": [NOT_APPLICABLE], "cid": [NOT_APPLICABLE], "random": [0.1]}
    shown = marked(base, [Planted("pointing", untested, "localisation")])
    assert images_needed(shown) == ()


@pytest.mark.parametrize(("count", "text"), [
    (1, "Insertion-0 fails the sanity check: a control beats every method. Do not rank by it there."),
    (2, "Insertion-0 and insertion-1 fail the sanity check: a control beats every method. Do not rank by them there."),
    (6, "Insertion-0, insertion-1 and 4 more fail the sanity check: a control beats every method."),
])  # fmt: skip
def test_failed_sanity_checks_are_among_the_warnings(base: Record, count: int, text: str) -> None:
    lost = {**order(0.6, 0.5, 0.4), "random": np.full(30, 0.95)}
    shown = marked(base, [*CLEAR, *(Planted(f"insertion-{at}", lost) for at in range(count))])
    sentences = [sentence.replace(" (in 1 setting)", "") for sentence in summary.loud(shown.board)]
    assert any(sentence.startswith(text) for sentence in sentences)
    assert summary.failed_checks(marked(base, CLEAR).board) == []


def test_a_failed_sanity_check_says_in_how_many_settings(base: Record) -> None:
    lost = Planted("insertion", {**order(0.6, 0.5, 0.4), "random": np.full(30, 0.95)})
    shown = marked(base, [*CLEAR, lost, replace(lost, model="odd"), *(replace(each, model="odd") for each in CLEAR)])
    (sentence,) = summary.failed_checks(shown.board)
    assert sentence == (
        "Insertion (in 2 settings) fails the sanity check: a control beats every method. Do not rank by it there."
    )
    alarm = document.render(shown).partition('<p class="alarm">')[2].partition("</p>")[0]
    assert "Insertion (in 2 settings) fails the sanity check" in alarm


def test_the_verdict_counts_comparisons_and_knows_their_weight(base: Record) -> None:
    """ann is better than bob under three of four metrics, which have half of the weight."""
    deletions = [Planted(f"deletion-{place}", order(0.8, 0.6, 0.4, seed=place)) for place in range(3)]
    level = Planted("pointing", {**order(0.5, 0.5, 0.3), "ann": [0.5] * 30, "bob": [0.5] * 30}, "localisation")
    answer = Answer.of(marked(base, [*deletions, level]))
    assert answer.verdict_text == (
        "not clear: against bob, significantly better in 3, worse in 0 of 4 comparisons "
        "(not more than half of the weight)"
    )
    assert answer.brief_verdict == answer.verdict_text


def test_the_card_counts_the_rivals_that_differ_in_places_where_another_does_not(base: Record) -> None:
    deletions = [Planted(f"deletion-{place}", order(0.8, 0.6, 0.79, noise=0.05, seed=place)) for place in range(3)]
    level = Planted("pointing", {name: [0.5] * 30 for name in (*NAMES, "random")}, "localisation")
    answer = Answer.of(marked(base, [*deletions, level]))
    (other,) = {"ann", "cid"} - {*answer.best}
    same = f"not clear: not significantly different from {other}; "
    assert answer.verdict_text.startswith(f"{same}against bob, significantly better in 3")
    assert answer.brief_verdict == f"{same}1 more method not clearly beaten"


def test_methods_that_tie_share_the_first_place(base: Record) -> None:
    values = {name: [0.5] * 30 for name in NAMES}
    answer = Answer.of(marked(base, [Planted("deletion", {**values, "random": [0.1] * 30})]))
    assert answer.best == NAMES
    assert answer.verdict == "not clear"
    assert answer.headline == "Best overall: ann, bob and cid tie for the best mean rank, 2.00"
    assert [rival.method for rival in answer.open_rivals] == ["bob", "cid"]


def test_a_method_that_never_met_the_best_one_is_named(base: Record) -> None:
    none = [NOT_APPLICABLE] * 10
    values = order(0.8, 0.6, 0.4)
    values = {name: [*row[:10], *none] for name, row in values.items()}
    values["ann"], values["bob"] = [*([0.8] * 10), *none], [*([0.6] * 10), *([0.6] * 10)]
    values["cid"] = [*none, *([0.4] * 10)]
    answer = Answer.of(marked(base, [Planted("deletion", values)]))
    assert "never compared with" in answer.verdict_text
    assert answer.verdict == "not clear"


def test_without_a_metric_of_quality_the_answer_says_so(base: Record) -> None:
    answer = Answer.of(marked(base, [Planted("sparseness", order(0.8, 0.6, 0.4), "complexity")]))
    assert answer.best == ()
    assert answer.verdict == answer.verdict_text == answer.headline == ""
    assert answer.reason == (
        "No method is called best: the run has no metric of faithfulness or localisation. Its metrics are of "
        "complexity; run.ranking(family=...) ranks by one of these."
    )
    assert answer.quotable == (answer.reason,)


@pytest.mark.parametrize(("family", "hint"), [("cost", "run.leaderboard"), ("complexty", "complexity")])
def test_a_family_that_has_no_order_is_refused(base: Record, family: str, hint: str) -> None:
    with pytest.raises(BenchError, match=r"ranked by the family") as refused:
        Answer.of(marked(base, CLEAR), family)
    assert hint in str(refused.value)


def test_the_cost_is_that_of_the_winner_divided_by_the_next(base: Record) -> None:
    shown = marked(base, CLEAR)
    cost = Answer.of(shown).cost
    assert cost is not None
    rows = shown.board.tidy
    rows = rows[(rows["metric"] == "runtime") & (rows["model"] == "net")].set_index("method")
    ann, bob = rows.loc["ann"], rows.loc["bob"]
    assert (cost.method, cost.other, cost.settings, cost.metric.name) == ("ann", "bob", 1, "runtime")
    assert cost.ratio == pytest.approx(ann["mean"] / bob["mean"])
    assert (cost.low, cost.high) == pytest.approx((ann["low"] / bob["high"], ann["high"] / bob["low"]))


def costs(base: Record, **of: tuple[float, float, float]) -> Marked:
    """The runtime of methods on ``net`` as mean and quartiles."""
    table = base.results.copy()
    for name, values in of.items():
        for part, value in zip(("", ".q1", ".q3"), values, strict=True):
            hit = (table["model"] == "net") & (table["method"] == name) & (table["metric"] == f"runtime{part}")
            table.loc[hit, "value"] = value
    return marked(replace(base, results=table), CLEAR)


def test_costs_whose_quartiles_overlap_are_the_same_within_noise(base: Record) -> None:
    cost = Answer.of(costs(base, ann=(22.5, 22.3, 22.9), bob=(22.8, 22.4, 23.0))).cost
    assert cost is not None
    assert cost.same
    assert cost.text == "ann and bob have the same runtime within noise (ratio 0.99; quartiles 0.97 to 1.02)."
    other = Answer.of(costs(base, ann=(20.0, 19.0, 21.0), bob=(2.0, 1.9, 2.1))).cost
    assert other is not None
    assert not other.same
    assert other.text == "ann takes 10.0 times the runtime of bob (quartiles 9.05 to 11.1)."


def test_costs_over_settings_are_a_geometric_mean_with_their_spread(base: Record) -> None:
    both = [replace(each, model=model) for each in CLEAR for model in ("net", "odd")]
    shown = marked(base, both)
    tidy = shown.board.tidy
    rows = tidy[tidy["metric"] == "runtime"].set_index(["model", "method"])["mean"]
    ratios = [rows[model, "ann"] / rows[model, "bob"] for model in ("net", "odd")]
    cost = Answer.of(shown).cost
    assert cost is not None
    assert cost.ratio == pytest.approx(np.sqrt(ratios[0] * ratios[1]))
    assert (cost.lowest, cost.highest) == pytest.approx((min(ratios), max(ratios)))
    assert cost.settings == 2


def test_settings_that_contradict_each_other_are_not_the_same(base: Record) -> None:
    """Ten times as much on one network, and a tenth on the other: the geometric mean is 1."""
    table = base.results.copy()
    for model, ann in (("net", 20.0), ("odd", 0.2)):
        for name, value in (("ann", ann), ("bob", 2.0)):
            for part, factor in (("", 1.0), (".q1", 0.97), (".q3", 1.03)):
                hit = (table["model"] == model) & (table["method"] == name) & (table["metric"] == f"runtime{part}")
                assert hit.any()
                table.loc[hit, "value"] = value * factor
    both = [replace(each, model=model) for each in CLEAR for model in ("net", "odd")]
    cost = Answer.of(marked(replace(base, results=table), both)).cost
    assert cost is not None
    assert cost.ratio == pytest.approx(1)
    assert not cost.same
    text = "ann takes less runtime than bob in 1 setting, and more in 1 setting (ratio 0.10 to 10.0)."
    assert cost.text == text


def test_a_cost_of_some_settings_says_so(base: Record) -> None:
    settings = [(model, "photos", layer) for model, layer in (("net", "last"), ("net", "none"))]
    cost = WinnerCost.of(marked(base, CLEAR).board, "ann", "bob", settings)
    assert cost is not None
    assert (cost.settings, cost.wanted) == (1, 2)
    assert "in 1 of 2 settings" in cost.text


def test_a_run_without_costs_or_without_two_methods_has_no_such_answer(base: Record, tmp_path: Path) -> None:
    assert WinnerCost.of(marked(base, CLEAR).board, "ann", "bob", [("net", "photos", "elsewhere")]) is None
    assert Answer.of(marked(replace(base, results=base.results[base.results["sample"].notna()]), CLEAR)).cost is None
    answer = Answer.of(Marked.of(fake_record(tmp_path, Fake(methods=["gradcam"]))))
    assert (answer.best, answer.reason, answer.quotable) == ((), "", ())


@pytest.mark.parametrize(("ratio", "text"), [(0.0123, "0.012"), (0.5, "0.50"), (11.26, "11.3"), (1234.5, "1,234")])
def test_a_ratio_has_about_three_digits(ratio: float, text: str) -> None:
    assert times(ratio) == text


def test_the_order_of_a_display_and_of_the_keys_is_the_same(base: Record) -> None:
    shown = marked(base, CLEAR)
    assert Verdicts(shown.board).overall.equals(shown.verdicts.overall)


def test_a_run_ranks_by_quality_or_another_family_under_its_keys(base: Record) -> None:
    shown = marked(base, [*CLEAR, Planted("entropy", order(0.1, 0.2, 0.9), "complexity")])
    run = bb.Run(shown.board.record)
    assert list(run.ranking().columns) == COLUMNS
    assert run.ranking()["method"].tolist() == list(NAMES)
    assert run.ranking("complexity")["method"].tolist() == list(reversed(NAMES))
    assert run.ranking(family="robustness").empty
    left = run.ranking_without()
    assert list(left.columns) == ["kind", "without", "winner", "differs", "method", "rank"]
    assert set(zip(left["kind"], left["without"], strict=True)) == {
        ("family", "faithfulness"),
        ("family", "localisation"),
        ("metric", "deletion"),
        ("metric", "pointing"),
    }
    assert run.ranking_without("complexity").empty
    with pytest.raises(BenchError, match="ranked by the family 'cost'"):
        run.ranking("cost")


def test_whether_the_order_of_the_rest_stays_is_one_sentence_with_numbers(base: Record) -> None:
    """cid comes between ann and bob where bob is ahead; random, added to the three, moves nobody."""
    between = {
        "ann": [0.9] * 12 + [0.2] * 8,
        "bob": [0.5] * 12 + [0.9] * 8,
        "cid": [0.1] * 12 + [0.5] * 8,
        "random": [0.01] * 20,
    }
    shown = marked(base, [Planted("deletion", between, model=model) for model in ("net", "odd")])
    sentence = (
        "The order of the rest stays in 3 of 4 cases in which one method is left out or a control is added; it changes "
        "without cid (then ann is before bob)."
    )
    assert sentence in summary.quotable(shown)[1]
    assert "The order of the rest stays in 3 of 4 changes of one method." in short_answer(shown)[1]
    page = document.render(shown)
    assert sentence in page
    assert 'data-table="stability"' in page
    rows = Verdicts(shown.board).order().stability
    assert rows["change"].tolist() == ["without"] * 3 + ["with"]
    assert rows["swapped"].tolist() == ["", "", "ann before bob", ""]
