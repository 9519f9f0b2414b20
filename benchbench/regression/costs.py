"""What a baseline keeps of a method's cost: counts, memory, and time in units of a kernel timed beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..stats import is_part
from ..table import Record

ALONE = "alone-b1"  # a batch's figures depend on its size, and what a study shared on what it was asked


@dataclass(frozen=True)
class Cost:
    """One measurement of one method at one place, alone and on one image.

    Attributes:
        unit: as its metric says; what is in ``ms`` was timed.
        low, high: its quartiles, of what was timed.
        reference: milliseconds of the reference kernel in the same process, of what was timed.
    """

    model: str
    dataset: str
    layer: str
    method: str
    metric: str
    unit: str
    value: float
    low: float | None = None
    high: float | None = None
    reference: float | None = None

    @property
    def key(self) -> tuple[str, ...]:
        return self.model, self.dataset, self.layer, self.method, self.metric


def costs_of(record: Record) -> Iterator[Cost]:
    """The measurements of a run that can be compared with another's: of metrics of cost that start at 0."""
    units = {m["name"]: m["unit"] for m in record.info["metrics"] if m["family"] == "cost" and m["range"][0] == 0}
    rows = record.results[record.results["sample"].isna() & (record.results["protocol"] == ALONE)]
    ok = rows[rows["status"] == "ok"]
    keys = ["model", "dataset", "layer", "method", "metric"]
    known = {tuple(map(str, key)): float(value) for *key, value in ok[[*keys, "value"]].itertuples(index=False)}
    whole = ok[~is_part(ok["metric"]) & ok["metric"].isin(list(units))]
    for key in map(tuple, whole[keys].astype(str).to_numpy()):
        parts = [known.get((*key[:-1], f"{key[-1]}.{part}")) for part in ("q1", "q3", "reference")]
        yield Cost(*key, units[key[-1]], _short(known[key]), *(None if one is None else _short(one) for one in parts))


def _short(value: float) -> float:
    return float(f"{value:.4g}")
