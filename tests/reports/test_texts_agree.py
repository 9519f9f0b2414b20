"""No two texts of a report contradict each other: simulated runs, and every text read back against every other one."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from benchbench.formatting import plural
from benchbench.reports.figures.critical_difference import _sentences as diagram_sentences
from benchbench.reports.html.significance import Decided
from benchbench.reports.leaderboard import summary
from benchbench.reports.leaderboard.answer import Answer
from benchbench.reports.leaderboard.family_ranks import FamilyRanks
from benchbench.reports.leaderboard.heat_matrix import HeatMatrix
from benchbench.reports.leaderboard.marks import NONE, Marked
from benchbench.reports.leaderboard.orders import Order
from benchbench.results.record import Record
from benchbench.stats import CONTEST, Contest

from ..stats.planted import FAILED, NOT_APPLICABLE
from .fake import Fake, fake_record
from .planted_record import Planted, marked

NAMES = ("ann", "bob", "cid", "dan", "eve")
METRICS = {"deletion": "faithfulness", "increase": "faithfulness", "pointing": "localisation", "entropy": "complexity"}
SIGNIFICANT = {"better": 1, "worse": -1}
Pairs = dict[tuple[str, ...], dict[tuple[str, str], str]]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Record:
    fake = Fake(models=["net", "odd"], layers=["last"], methods=NAMES, controls=["random"], samples=["a"])
    return fake_record(tmp_path_factory.mktemp("base"), fake)


def simulated(
    base: Record, seed: int, images: int, methods: int, metrics: int, networks: int, spread: float, gaps: float
) -> Marked:
    """A run with effects, ties, failures and controls at random; ``increase`` is 0 or 1."""
    draw = np.random.default_rng(seed)
    absent = (
        NAMES[methods - 1] if methods > 2 and draw.uniform() < 0.3 else ""
    )  # not applicable anywhere, as CAM often is
    planted = []
    for metric, model in itertools.product(list(METRICS)[:metrics], ("net", "odd")[:networks]):
        hard, level = draw.normal(0, 0.1, images), draw.normal(0.5, spread, methods)
        values: dict[str, list[float | str]] = {}
        for name, mean in zip(NAMES[:methods], level, strict=True):
            row = np.clip(mean + hard + draw.normal(0, 0.05, images), 0, 1)
            values[name] = [
                NOT_APPLICABLE if name == absent else _value(draw, metric, float(each), gaps) for each in row
            ]
        control = float(draw.uniform(0, 1))
        values["random"] = [float(round(control)) if metric == "increase" else control] * images
        planted.append(Planted(metric, values, METRICS[metric], model))
    odd = bool(draw.integers(0, 2))
    return marked(base, planted, {"odd": "odd has RANDOM weights"} if odd else None)


def _value(draw: np.random.Generator, metric: str, value: float, gaps: float) -> float | str:
    if draw.uniform() < gaps:
        return FAILED if metric != "pointing" else NOT_APPLICABLE
    return float(round(value)) if metric == "increase" else round(value, 2)


def verdicts_of(shown: Marked) -> Pairs:
    """By comparison and ordered pair of methods, the verdict of the first one: the table of ``run.compare()``."""
    turned = {"better": "worse", "worse": "better"}
    verdicts: Pairs = {}
    rows = shown.verdicts.pairs[~shown.verdicts.pairs["against_control"].astype(bool)]
    for *key, method, other, verdict in rows[[*CONTEST, "method", "other", "verdict"]].itertuples(False, None):
        here = verdicts.setdefault(tuple(map(str, key)), {})
        here[str(method), str(other)], here[str(other), str(method)] = verdict, turned.get(verdict, verdict)
    return verdicts


def listed(text: str) -> set[str]:
    """The names of ``a, b and c``."""
    return set(re.split(", | and ", text)) if text else set()


def match(pattern: str, text: str) -> str:
    hit = re.search(pattern, text)
    return hit[1] if hit else ""


def check_marks(shown: Marked, verdicts: Pairs) -> None:
    """Daggers and letters are the pairs' verdicts."""
    for contest in shown.board.contests:
        key = tuple(map(str, contest.key))
        pairs, best = verdicts.get(key, {}), best_of(shown, contest)
        for name in {pair[0] for pair in pairs}:
            mark = shown.marks[(*key[:3], name, *key[3:])]
            assert mark.worse == any(
                pairs.get((name, winner)) == "worse" for winner in best if winner != name and name not in best
            )
            assert mark.best == (name in best)
        for name, other in pairs:
            letters = [shown.marks[(*key[:3], each, *key[3:])].letters for each in (name, other)]
            if all(letters):
                assert bool(set(letters[0]) & set(letters[1])) == (pairs[name, other] not in SIGNIFICANT)


def best_of(shown: Marked, contest: Contest) -> list[str]:
    return [str(name) for name in shown.board.tidy.loc[list(contest.best), "method"]]


def check_findings(shown: Marked, verdicts: Pairs) -> None:
    """What a finding says is better, is not different, or is a winner, is so in the table of pairs and in the marks."""
    for metric, text in zip(shown.board.of(), summary.findings(shown), strict=True):
        contests = [c for c in shown.board.contests if c.key[3:] == (metric.name, metric.protocol)]
        if len(contests) == 1:
            _check_one(shown, contests[0], text, verdicts)
        elif "significant winner" in text:
            counted = match(r"(\w+) settings? ha(?:s|ve) a significant winner", text)
            winners = sum(_has_winner(shown, contest, verdicts) for contest in contests)
            assert (0 if counted == "No" else int(counted)) == winners, text


def _check_one(shown: Marked, contest: Contest, text: str, verdicts: Pairs) -> None:
    key, best = tuple(map(str, contest.key)), best_of(shown, contest)
    pairs = verdicts.get(key, {})
    daggers = {name for name in NAMES if (cell := shown.marks.get((*key[:3], name, *key[3:]))) and cell.worse}
    assert listed(match(r"significantly better than ((?:\w+)(?:(?:, | and )\w+)*)\.", text)) == daggers, text
    for name in listed(match(r"No significant difference from (.*?)\.", text)):
        assert all(pairs.get((name, winner)) not in SIGNIFICANT for winner in best), text
    for name in listed(match(r"\. ([^.]*?) (?:is|are) significantly better than (?:it|one of them)", text)):
        assert any(pairs.get((name, winner)) == "better" for winner in best), text


def _has_winner(shown: Marked, contest: Contest, verdicts: Pairs) -> bool:
    pairs, best = verdicts.get(tuple(map(str, contest.key)), {}), best_of(shown, contest)
    tested = {name for pair, verdict in pairs.items() for name in pair if verdict != "incomparable"}
    rivals = {name for name in tested - set(best) if any(pairs.get((name, w)) != "incomparable" for w in best)}
    lost = {name for name in rivals if any(pairs.get((name, winner)) == "worse" for winner in best)}
    beat = {name for name in rivals if any(pairs.get((name, winner)) == "better" for winner in best)}
    return bool(best) and bool(rivals) and lost == rivals and not beat


def check_answer(shown: Marked, verdicts: Pairs) -> None:
    """The verdict on the best method overall is what the table of pairs says of it."""
    answer = Answer.of(shown)
    if not answer.best:
        return
    _check_verdict(answer, shown.verdicts.order(), verdicts)
    text, paragraph = answer.verdict_text, summary.quotable(shown)[1]
    assert text in paragraph or f"{text[:1].upper()}{text[1:]}." in paragraph


def check_settings(shown: Marked, verdicts: Pairs) -> None:
    """The card, the mean ranks and the heat map of each setting are what its own pairs and marks say."""
    for block in shown.board.blocks:
        setting = (block.model, block.dataset, block.layer)
        ranks, heat = FamilyRanks.of(shown, setting), HeatMatrix.of(shown, setting)
        for family in ("quality", "localisation"):
            answer, order = Answer.of(shown, family, setting), shown.verdicts.order_at(setting, family)
            assert {key[:3] for key in order.shares.keys} <= {setting}
            if answer.best:
                _check_verdict(answer, order, verdicts)
                column = ranks.families.index(family) if family in ranks.families else 0
                shown_ranks = {
                    name: f"{rank:.2f}" for name, rank in zip(ranks.methods, ranks.rank[:, column], strict=True)
                }
                assert {name for name, rank in shown_ranks.items() if rank == f"{answer.rank:.2f}"} == set(answer.best)
                assert min(shown_ranks.values()) == f"{answer.rank:.2f}"
            if {each.key[0] for each in shown.verdicts.matrices} == {block.model}:
                whole = replace(Answer.of(shown, family), cases=(), setting=setting)
                assert repr(answer) == repr(whole)
        for (row, method), (column, metric) in itertools.product(enumerate(heat.methods), enumerate(heat.metrics)):
            mark = shown.marks.get((*setting, method, metric.name, metric.protocol), NONE)
            if heat.settings[row, column]:
                assert (heat.best[row, column], heat.worse[row, column]) == (mark.best, mark.worse)


def _check_verdict(answer: Answer, order: Order, verdicts: Pairs) -> None:
    of_order = {key: verdicts[key] for key in order.shares.keys if key in verdicts}
    first, text = answer.best[0], answer.verdict_text
    counts = {rival: _counts(of_order, first, rival) for rival in order.shares.methods if rival != first}
    if answer.verdict == "clear":
        assert len(answer.best) == 1
        for better, worse, total in counts.values():
            assert better > 0, text
            assert answer.comparisons > 1 or (better, worse, total) == (1, 0, 1), text
    else:
        assert answer.open_rivals, text
    for name in listed(match(r"not significantly different from (.*?)(?:;|$)", text)) - {"1 more", "2 more"}:
        assert counts[name][:2] == (0, 0), text
    for name, better, total in re.findall(
        r"better than (\w+) in (\d+)(?: and worse in \d+)? of (\d+) comparison", text
    ):
        assert (counts[name][0], counts[name][2]) == (int(better), int(total)), text
    if answer.verdict == "too few images" and answer.small == answer.comparisons:
        assert not any(verdict in SIGNIFICANT for pairs in of_order.values() for verdict in pairs.values()), text
    if answer.comparisons == 1 and answer.verdict != "too few images" and len(answer.best) == 1:
        beaten = all(count == (1, 0, 1) for count in counts.values())
        assert (answer.verdict == "clear") == beaten, text


def _counts(
    of_order: Mapping[tuple[str, ...], Mapping[tuple[str, str], str]], first: str, rival: str
) -> tuple[int, int, int]:
    """In how many comparisons ``first`` is significantly better and worse, and how many compare the two."""
    here = [pairs[first, rival] for pairs in of_order.values() if (first, rival) in pairs]
    return here.count("better"), here.count("worse"), sum(verdict != "incomparable" for verdict in here)


def check_counts(shown: Marked, verdicts: Pairs) -> None:
    """The counts of the summary, of the matrices of pairs and of the heat map are those of the table of pairs."""
    listed = [pair for pairs in verdicts.values() for pair in pairs.items() if pair[0][0] < pair[0][1]]
    tested = [verdict for _, verdict in listed if verdict != "incomparable"]
    significant = sum(verdict in SIGNIFICANT for verdict in tested)
    alike = tested.count("equivalent")
    text = summary.quotable(shown)[-1]
    if "pairwise" in text:
        assert f"Of {plural(len(tested), 'pairwise comparison')} " in text
        assert f" {significant:,} are significant" in text
        assert f" {alike:,} equivalent" in text
        assert f" {len(tested) - significant - alike:,} inconclusive" in text
    cells = [cell for duel in Decided(shown).duels for row in duel.cells for cell in row if cell]
    assert sum(cell[0] for cell in cells) == sum(cell[1] for cell in cells) == significant
    heat = HeatMatrix.of(shown)
    daggers = {(key[3], key[4], key[5]) for key, mark in shown.marks.items() if mark.worse}
    for (row, method), (column, metric) in itertools.product(enumerate(heat.methods), enumerate(heat.metrics)):
        if heat.worse[row, column]:
            assert (method, metric.name, metric.protocol) in daggers


def check_few_images(shown: Marked, verdicts: Pairs) -> None:
    """Where the warning says that nothing can be significant, nothing is; where it says so of some, these are not."""
    significant = any(verdict in SIGNIFICANT for pairs in verdicts.values() for verdict in pairs.values())
    assert shown.settles or not significant
    for text in summary.loud(shown.board):
        if "no paired test of all pairs can be significant" in text and not text.startswith("In some"):
            assert not significant, text


def check_diagrams(shown: Marked, verdicts: Pairs) -> None:
    for key, ranked in shown.verdicts.ranked.items():
        for text in diagram_sentences(ranked):
            among = listed(match(r"among (.*)\.", text)) or set(ranked.methods)
            differ = [verdicts[key][pair] in SIGNIFICANT for pair in itertools.permutations(sorted(among), 2)]
            assert not any(differ) if "among" in text else all(differ), text


CHECKS = (check_marks, check_findings, check_answer, check_settings, check_counts, check_few_images, check_diagrams)


@given(
    seed=st.integers(0, 2**32 - 1),
    images=st.sampled_from([1, 5, 7, 8, 9, 12, 30, 30]),
    methods=st.integers(2, 5),
    metrics=st.integers(1, 4),
    networks=st.integers(1, 2),
    spread=st.sampled_from([0.0, 0.02, 0.2, 0.2]),
    gaps=st.sampled_from([0.0, 0.0, 0.1, 0.5]),
)
@example(seed=0, images=9, methods=5, metrics=1, networks=1, spread=0.2, gaps=0.0)
@example(seed=1, images=30, methods=3, metrics=4, networks=2, spread=0.2, gaps=0.1)
@example(seed=3, images=8, methods=5, metrics=2, networks=1, spread=0.2, gaps=0.0)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_texts_agree(
    base: Record, seed: int, images: int, methods: int, metrics: int, networks: int, spread: float, gaps: float
) -> None:
    shown = simulated(base, seed, images, methods, metrics, networks, spread, gaps)
    verdicts = verdicts_of(shown)
    for check in CHECKS:
        check(shown, verdicts)


def test_the_simulation_reaches_every_verdict(base: Record) -> None:
    """Else the property above could hold of nothing."""
    missing = {"clear", "not clear", "too few images", "left out"}
    for seed, (images, spread, gaps) in itertools.product(range(4), [(5, 0.2, 0.0), (30, 0.3, 0.0), (30, 0.01, 0.3)]):
        answer = Answer.of(simulated(base, seed, images, 3, 2, 1, spread, gaps))
        missing -= {answer.verdict} | ({"left out"} if answer.left_out else set())
        if not missing:
            return
    assert not missing
