"""A time to keep to: as many images as fit, by an estimate on this machine."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import BenchError
from ..formatting import duration, plural
from ..results.record import Record
from ..results.store import Store
from ..study.plan import SHARD
from ..study.spec import StudySpec
from .estimate import Estimate
from .lock import locked

LEAST = 6  # images: a paired test needs as many at 5 %
_PARTS = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")


def budget_seconds(text: str | float) -> float:
    """A budget in seconds.

    Args:
        text: ``90s``, ``30m``, ``2h`` or ``1h30m``; or a number of seconds.

    Raises:
        BenchError: it is none of these, or not above 0.

    Example:
        >>> from benchbench.engine.budget import budget_seconds
        >>> budget_seconds("90s"), budget_seconds("1h30m"), budget_seconds(5)
        (90.0, 5400.0, 5.0)
    """
    hint = "Give 90s, 30m, 2h or 1h30m"
    if isinstance(text, str):
        match = _PARTS.fullmatch(text.strip().lower())
        if match is None or not match[0]:
            raise BenchError(f"cannot read {text!r}", where="budget", hint=hint)
        seconds = sum(float(part or 0) * unit for part, unit in zip(match.groups(), (3600, 60, 1), strict=True))
    else:
        seconds = float(text)
    if not 0 < seconds < math.inf:
        raise BenchError(f"a budget of {text} leaves no time", where="budget", hint=hint)
    return seconds


@dataclass(frozen=True)
class Budget:
    """What a budget leaves of a study.

    Attributes:
        seconds: that were given.
        samples, wanted: images of each data set that are taken, and that the study asks for.
        expected: seconds by the estimate.
    """

    seconds: float
    samples: int
    wanted: int
    expected: float

    @property
    def sentence(self) -> str:
        """What the user must know; "" where all images fit."""
        if self.samples >= self.wanted:
            return ""
        images, expected = plural(self.samples, "image"), duration(self.expected)
        return (
            f"the budget of {duration(self.seconds)} suffices for {images} of each data set of {self.wanted:,} "
            f"(about {expected}); a larger budget continues from there"
        )

    def plain(self) -> dict[str, Any]:
        """As run.json has it."""
        numbers = {"samples": self.samples, "wanted": self.wanted, "expected_seconds": round(self.expected, 1)}
        return {"seconds": self.seconds, **numbers}


def within(estimate: Estimate, seconds: float) -> Budget:
    """The most images that fit.

    They are the first of the seeded order, so that a larger budget continues a smaller one; whole shards where there
    are any, as a shard that grows is computed again.

    Raises:
        BenchError: the budget does not suffice for the least number of images.
    """
    wanted = estimate.plan.study.samples
    available = max((shard.start + shard.images for shard in estimate.shards), default=0)
    most = min(wanted, available) if available else wanted
    least = min(LEAST, most)
    if estimate.seconds_of(least) > seconds:
        needed = estimate.seconds_of(least)
        message = (
            f"{duration(seconds)} do not suffice: {plural(least, 'image')} of each data set take about {_up(needed)}"
        )
        raise BenchError(message, where="budget", hint=f"Give --budget {_spelled(needed)} or more, or ask for less")
    if estimate.seconds_of(most) <= seconds:
        return Budget(seconds, wanted, wanted, estimate.seconds_of(most))
    low, high = least, most  # low fits, high does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if estimate.seconds_of(middle) <= seconds else (low, middle)
    samples = max(low - low % SHARD if low >= SHARD else low, estimate.plan.held)
    return Budget(seconds, samples, wanted, estimate.seconds_of(samples))


def fitted(study: StudySpec, budget: Budget) -> StudySpec:
    """The study on the images that fit."""
    return study.model_copy(update={"samples": budget.samples})


def record_budget(folder: Path, budget: Budget) -> None:
    """Say in run.json of a finished run which budget it kept to, and what that left out.

    Raises:
        BenchError: another run writes into the folder.
    """
    with locked(folder, lambda _: None):
        info: Mapping[str, Any] = Record.load(folder).info
        warnings = [*info["warnings"], *([budget.sentence] if budget.sentence else [])]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        Store(folder).write_results({}, {**info, "warnings": warnings, "budget": {**budget.plain(), "when": now}})


def _up(seconds: float) -> str:
    return duration(math.ceil(seconds))


def _spelled(seconds: float) -> str:
    """A budget that suffices, with some room, as it is given."""
    room = math.ceil(1.2 * seconds)
    return f"{room}s" if room < 120 else f"{math.ceil(room / 60)}m"
