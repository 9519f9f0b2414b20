"""Mean ranks with intervals per family of metrics, as a dot plot shows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...stats.resampling import Array
from .marks import Marked
from .orders import QUALITY
from .verdicts import Setting


@dataclass(frozen=True, eq=False)
class FamilyRanks:
    """The mean ranks of m methods over f families of metrics.

    Attributes:
        methods: m names: in the order over quality; then, in the study's order, methods that other families rank alone.
        families: f names: ``quality`` first where several families make it, then each family of which metrics make an
            order.
        rank: (m, f): the mean rank, 1 at best and ``ranked`` at worst; NaN where the family does not rank the method.
        low, high: (m, f): its 95 % interval; NaN without one, as with fewer than 20 independent images.
        ranked: (f,): how many methods the family ranks.
        comparisons: (f,): of how many comparisons (network x data x layer x metric) the order is made.
    """

    methods: tuple[str, ...]
    families: tuple[str, ...]
    rank: Array
    low: Array
    high: Array
    ranked: tuple[int, ...]
    comparisons: tuple[int, ...]

    @classmethod
    def of(cls, marked: Marked, setting: Setting | None = None) -> FamilyRanks:
        """Of the same orders as ``Answer``: without networks that have a warning and without what a control wins.

        Args:
            setting: network, dataset and layer of a setting by itself; None for the whole run.
        """
        verdicts = marked.verdicts
        every = verdicts.orders
        if setting:
            every = {family: verdicts.order_at(setting, family) for family in every}
        orders = {family: order for family, order in every.items() if order.comparisons}
        names = [str(name) for name in orders[QUALITY].table["method"]] if QUALITY in orders else []
        if QUALITY in orders and len(of := orders[QUALITY].families) == 1 and of[0] in orders:
            del orders[QUALITY]  # the family is the whole of quality
        here = {name for order in orders.values() for name in order.shares.methods}
        names += [str(m["name"]) for m in marked.board.record.info["methods"] if m["name"] in here.difference(names)]

        def table(column: str) -> Array:
            known = [dict(zip(order.table["method"], order.table[column], strict=True)) for order in orders.values()]
            columns = [[ranks.get(name, np.nan) for name in names] for ranks in known]
            return np.array(columns, dtype=np.float64).reshape(len(orders), len(names)).T

        sizes = [(len(order.table), len(order.comparisons)) for order in orders.values()]
        ranked, comparisons = (tuple(size[side] for size in sizes) for side in (0, 1))
        columns = (table("rank"), table("rank_low"), table("rank_high"))
        return cls(tuple(names), tuple(orders), *columns, ranked, comparisons)
