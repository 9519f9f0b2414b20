"""Failed rows by reason, for the end of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...formatting import join_some, plural

MOST_REASONS = 5
_LONGEST = 200  # letters of a reason


def by_reason(info: Mapping[str, Any]) -> list[str]:
    """A line for each reason why rows failed, the most frequent first: how many rows, the reason, whose they are.

    Args:
        info: run.json.

    Example:
        >>> from benchbench.reports.leaderboard.failed_rows import by_reason
        >>> row = {"reason": "out of memory", "rows": 2, "method": "slow", "metric": "deletion"}
        >>> by_reason({"failures": [row, {**row, "metric": "insertion"}]})
        ['4 rows: out of memory (method slow, metrics deletion and insertion)']
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for failure in info.get("failures", ()):
        groups.setdefault(str(failure["reason"]), []).append(failure)
    ordered = sorted(groups.items(), key=lambda group: -sum(failure["rows"] for failure in group[1]))
    lines = [_line(reason, failures) for reason, failures in ordered[:MOST_REASONS]]
    more = ordered[MOST_REASONS:]
    rows = sum(failure["rows"] for _, failures in more for failure in failures)
    return [*lines, f"{plural(rows, 'row')}: {plural(len(more), 'other reason')}"] if more else lines


def _line(reason: str, failures: list[Mapping[str, Any]]) -> str:
    rows = plural(sum(failure["rows"] for failure in failures), "row")
    shown = reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST]} ..."
    whose = ", ".join(_named(kind, failures) for kind in ("method", "metric"))
    return f"{rows}: {shown} ({whose})"


def _named(kind: str, failures: list[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(str(failure[kind]) for failure in failures))
    return f"{kind}{'s' * (len(names) > 1)} {join_some(names, 3)}"
