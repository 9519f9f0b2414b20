"""The first answer of a run: which method is the best overall, how clearly, at what cost, and what that depends on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Literal, TypeAlias

from ...formatting import join_words, plural
from ...stats import DECIMALS, OrderCase, Rival
from ...vocabulary import QUALITY_FAMILIES, QUALITY_MEANS
from ..number_format import first_few, fixed, share
from .best_means import best_means_text
from .board import Board
from .marks import Marked
from .orders import QUALITY, Order
from .stability import stability_text
from .verdicts import ALL, Setting
from .winner_cost import WinnerCost

Verdict: TypeAlias = Literal["clear", "not clear", "too few images", ""]
COMPARISON = " (network × data × layer × metric)"
MOST = 3  # rivals, and things that the order depends on, that a sentence names


@dataclass(frozen=True)
class Dependence:
    """Something whose absence gives the order another best method.

    Attributes:
        kind: ``family``, ``metric``, ``network`` or ``dataset``.
        name: its name; a metric's title.
        winner: the best method without it.
        tied: the methods that share the best mean rank without it, at two decimals; empty where one has it alone.
    """

    kind: str
    name: str
    winner: str
    tied: tuple[str, ...] = ()

    @property
    def then(self) -> str:
        """``without it, Grad-CAM is first``."""
        if not self.tied:
            return f"without it, {self.winner} is first"
        return f"without it, {len(self.tied)} methods tie for the first place"


@dataclass(frozen=True)
class Answer:
    """The best method over the metrics of quality, or of another family, and how far to trust that.

    Attributes:
        family: ``quality`` (faithfulness and localisation), or the family of metrics that makes the order.
        best: the method with the best mean rank; several where they tie at two decimals; none where ``reason`` says why
            nothing is ranked.
        rank, low, high: the best mean rank, 1 at best, and its 95 % interval (NaN with fewer than 20 independent
            images).
        second, second_rank: the next method in the order, and its mean rank.
        first: the share of resamples in which the best method is first; NaN with a single image.
        methods: the number of ranked methods. comparisons: of network x data x layer x metric in the order.
        units: the number of networks x data in the order. settings: of networks x data x layers.
        verdict: ``clear`` if the best method is clear of every rival (see ``benchbench.stats.Rival``); ``too few
            images`` if it can be clear of none, whatever the values; ``not clear`` otherwise; empty without a best one.
        open_rivals: the rivals of which the best method is not clear, in the order of their ranks.
        images, needed: with the verdict ``too few images``: the independent images, and how many a significant
            difference takes; 0 and 0 otherwise.
        cost: of the best method against the next one, at the settings of the order; None where it is not known.
        means_text: which methods have the best means, where that is another one; a sentence, or empty.
        depends_on: what changes the best method when it is left out, or makes others tie with it.
        cases: the order of the other methods when a method is left out, or a control is added; none for a setting.
        setting: the network, dataset and layer that the answer is of, ``ALL`` for several; None for the whole run.
        left_out: a sentence for each thing that is not in the order, and why.
        reason: why nothing is ranked; empty where something is, and where a run has no two methods to rank.
    """

    family: str
    best: tuple[str, ...] = ()
    rank: float = nan
    low: float = nan
    high: float = nan
    second: str = ""
    second_rank: float = nan
    first: float = nan
    methods: int = 0
    comparisons: int = 0
    units: int = 0
    settings: int = 0
    families: tuple[str, ...] = ()
    verdict: Verdict = ""
    open_rivals: tuple[Rival, ...] = ()
    images: int = 0
    needed: int = 0
    small: int = 0
    cost: WinnerCost | None = None
    means_text: str = ""
    depends_on: tuple[Dependence, ...] = ()
    cases: tuple[OrderCase, ...] = ()
    left_out: tuple[str, ...] = ()
    reason: str = ""
    setting: Setting | None = None

    @classmethod
    def of(cls, marked: Marked, family: str = QUALITY, setting: Setting | None = None) -> Answer:
        """Read from the one set of verdicts that letters, daggers and counts are read from.

        Args:
            family: ``quality``, or a word of ``FAMILIES`` but ``cost``.
            setting: network, dataset and layer of a setting by itself, ``ALL`` for several; None for the whole run.

        Raises:
            BenchError: there is no such family, or it is ``cost``.
        """
        board, verdicts = marked.board, marked.verdicts
        order = verdicts.order_at(setting, family) if setting else verdicts.order(family)
        pairs = verdicts.pairs_at(setting) if setting else verdicts.pairs
        left_out = tuple(_left_out(order, board))
        if not order.best:
            return cls(family, left_out=left_out, reason=_reason(order, board), setting=setting)
        rows, rivals = order.table, order.rivals(pairs)
        first, second = rows.iloc[0], rows.iloc[1]
        verdict = _verdict(order.best, rivals)
        tight = next((rival for rival in rivals if rival.needed), None) if verdict == "too few images" else None
        settings = {each.key[:3] for each in order.comparisons}
        return cls(
            family=family,
            best=order.best,
            rank=float(first["rank"]),
            low=float(first["rank_low"]),
            high=float(first["rank_high"]),
            second=str(second["method"]),
            second_rank=float(second["rank"]),
            first=float(first["first"]),
            methods=len(rows),
            comparisons=len(order.comparisons),
            units=int(rows.attrs["units"]),
            settings=len(settings),
            families=order.families,
            verdict=verdict,
            open_rivals=tuple(rival for rival in rivals if not rival.beaten or rival.method in order.best),
            images=tight.images if tight else 0,
            needed=tight.needed if tight else 0,
            small=tight.small if tight else 0,
            cost=WinnerCost.of(board, str(first["method"]), str(second["method"]), settings),
            means_text=best_means_text(board, order),
            depends_on=tuple(_depends(order, board)),
            cases=() if setting else order.cases,
            left_out=left_out,
            setting=setting,
        )

    @property
    def headline(self) -> str:
        """``Best overall: Grad-CAM (mean rank 1.42 of 6, 95 % CI 1.30-1.55)``, without a full stop; empty without."""
        if not self.best:
            return ""
        over = self._over
        if len(self.best) > 1:
            return f"Best {over}: {join_words(self.best)} tie for the best mean rank, {fixed(self.rank, DECIMALS)}"
        return f"Best {over}: {self.best[0]} ({self.rank_text})"

    @property
    def sentence(self) -> str:
        """The best method and the verdict, with full stops; why nothing is ranked, or empty, where nothing is."""
        if self.verdict == "too few images":
            return f"No method is called best {self._over}: {self.verdict_text}."
        verdict = f"{self.verdict_text[:1].upper()}{self.verdict_text[1:]}"
        return f"{self.headline}. {verdict}." if self.best else self.reason

    @property
    def _over(self) -> str:
        if self.family != QUALITY:
            return f"by {self.family}"
        if self.setting is None:
            return "overall"
        return "in these settings" if ALL in self.setting else "in this setting"

    @property
    def rank_text(self) -> str:
        """``mean rank 1.42 of 6, 95 % CI 1.30-1.55``; without an interval where there is none."""
        text = f"mean rank {fixed(self.rank, DECIMALS)} of {self.methods}"
        if isnan(self.low):
            return text
        return f"{text}, 95 % CI {fixed(self.low, DECIMALS)}-{fixed(self.high, DECIMALS)}"

    @property
    def over_text(self) -> str:
        """``over 12 comparisons (network × data × layer × metric) of faithfulness and localisation``."""
        of = join_words(self.families)
        if self.comparisons == 1:
            return f"over one metric of {of}"
        return f"over {plural(self.comparisons, 'comparison')}{COMPARISON} of {of}"

    @property
    def first_text(self) -> str:
        """In how many resamples the best method is first; empty where several tie, or with a single image."""
        if len(self.best) != 1 or isnan(self.first):
            return ""
        drawn = "the images" if self.units == 1 else "networks, data and images"
        return f"{self.best[0]} is first in {share(self.first)} of resamples of {drawn}."

    @property
    def verdict_text(self) -> str:
        """``clear: ...``, ``not clear: ...`` or ``too few images: ...``, without a full stop."""
        if self.verdict == "clear":
            where = "" if self.comparisons == 1 else " in more than half of the comparisons (by their weight)"
            return f"clear: significantly better than every other method{where}"
        if self.verdict == "too few images":
            where = "" if self.small == self.comparisons else f" in {self.small} of {self.comparisons} comparisons"
            return f"too few images{where} ({self.images:,}; a significant difference takes at least {self.needed:,})"
        return self._not_clear(named=2)

    @property
    def brief_verdict(self) -> str:
        """The verdict in few words: where a rival does not differ, those that do in places are counted alone."""
        level = any(rival.level or not rival.comparisons for rival in self.open_rivals)
        return self._not_clear(named=0 if level else 1) if self.verdict == "not clear" else self.verdict_text

    def _not_clear(self, named: int) -> str:
        first = f"{self.best[0]} is " if len(self.best) > 1 else ""
        return f"not clear: {'; '.join(_open(self.open_rivals, first, named))}" if self.verdict else ""

    @property
    def depends_text(self) -> str:
        """``Depends on ...``, one sentence; empty where leaving out one thing never changes the best method."""
        if not self.depends_on:
            return ""
        names = [f"the {each.kind} {each.name} ({each.then})" for each in self.depends_on]
        return f"Depends on {first_few(names, MOST)}."

    @property
    def quotable(self) -> tuple[str, ...]:
        """The answer without the cost, sentence by sentence; the reason where nothing is ranked."""
        if not self.best:
            return tuple(filter(None, [self.reason, *self.left_out]))
        then = f", then {self.second} ({fixed(self.second_rank, DECIMALS)})" if len(self.best) == 1 else ""
        verdict = f"{self.verdict_text[:1].upper()}{self.verdict_text[1:]}."
        means = [QUALITY_MEANS] if self.family == QUALITY else []
        parts = [f"{self.headline}{then}, {self.over_text}.", self.first_text, verdict, self.means_text]
        return tuple(filter(None, [*parts, self.depends_text, stability_text(self.cases), *self.left_out, *means]))


def _verdict(best: Sequence[str], rivals: Sequence[Rival]) -> Verdict:
    met = [rival for rival in rivals if rival.comparisons]
    if met and all(rival.needed for rival in met):
        return "too few images"
    return "clear" if len(best) == 1 and all(rival.beaten for rival in rivals) else "not clear"


def _open(rivals: Sequence[Rival], first: str, named: int) -> Iterator[str]:
    """Why the best method is not clear of its rivals; ``first`` names it where several are best. Of the rivals that
    differ significantly in places the first ``named`` are named, and the others counted.
    """
    apart = [rival.method for rival in rivals if not rival.comparisons]
    level = [rival.method for rival in rivals if rival.comparisons and rival.level and not rival.needed]
    small = [rival for rival in rivals if rival.level and rival.needed]
    rest = [rival for rival in rivals if not rival.level]
    if apart:
        yield f"never compared with {first_few(apart, MOST)}"
    if level:
        yield f"{first}not significantly different from {first_few(level, MOST)}"
    if small:
        names = first_few([rival.method for rival in small], MOST)
        yield f"too few images to compare with {names} ({small[0].images:,}; it takes at least {small[0].needed:,})"
    for rival in rest[:named]:
        yield _mixed(rival)
    if len(rest) > named:
        yield f"{plural(len(rest) - named, 'more method')} not clearly beaten"


def _mixed(rival: Rival) -> str:
    """In how many comparisons the best method is significantly better and worse than a rival."""
    light = " (not more than half of the weight)" if 2 * (rival.better - rival.worse) > rival.comparisons else ""
    sides = f"significantly better in {rival.better}, worse in {rival.worse}"
    return f"against {rival.method}, {sides} of {plural(rival.comparisons, 'comparison')}{light}"


def _depends(order: Order, board: Board) -> Iterator[Dependence]:
    """What changes the best method; of two things that leave out the same comparisons, the first."""
    titles = {metric.name: metric.title for metric in board.metrics}
    seen = set()
    for each in order.omissions:
        gone = order.shares.places(each.kind, each.name)
        if each.changes and gone not in seen:
            seen.add(gone)
            shown = titles.get(each.name, each.name) if each.kind == "metric" else each.name
            yield Dependence(each.kind, shown, each.winner, each.first if len(each.first) > 1 else ())


def _left_out(order: Order, board: Board) -> Iterator[str]:
    """What is not in the order, and why."""
    names = join_words(order.disowned)
    if order.disowned:
        verb, has = ("is", "it has a warning") if len(order.disowned) == 1 else ("are", "they have warnings")
        yield f"{names} {verb} left out of the order, because {has}."
    if order.all_disowned:
        keys = [*(each.key for each in order.comparisons), *order.failing]
        networks = list(dict.fromkeys(key[0] for key in keys))
        every = "Every network of the order has a warning" if len(networks) > 1 else "The network has a warning"
        yield f"{every}: {join_words(networks)}."
    titles = {(metric.name, metric.protocol): metric.title for metric in board.metrics}
    failing: dict[str, int] = {}
    for key in order.failing:
        failing[titles[key[3], key[4]]] = failing.get(titles[key[3], key[4]], 0) + 1
    if failing:
        settings = len({each.key[:3] for each in order.comparisons} | {key[:3] for key in order.failing})
        where = [f"{title} (in {count} of {plural(settings, 'setting')})" for title, count in failing.items()]
        names = join_words(failing if settings == 1 else where)
        listed = f"{names[:1].upper()}{names[1:]}"
        verb = "is" if len(failing) == 1 else "are"
        yield f"{listed} {verb} left out of the order, because a control has a better mean than every method."


def _reason(order: Order, board: Board) -> str:
    """Why nothing is ranked; empty where the run has no two methods, or measures costs alone."""
    methods = len(board.record.info["methods"]) - len(board.controls)
    families = dict.fromkeys(metric.family for metric in board.of())
    if methods < 2 or not families:
        return ""
    wanted = QUALITY_FAMILIES if order.family == QUALITY else (order.family,)
    if order.failing:
        return "No method is called best: a control wins every comparison that the order would rest on."
    if not any(family in wanted for family in families):
        return (
            f"No method is called best: the run has no metric of {' or '.join(wanted)}. Its metrics are of "
            f"{join_words(families)}; run.ranking(family=...) ranks by one of these."
        )
    return f"No method is called best: no metric of {' or '.join(wanted)} has values of two methods."
