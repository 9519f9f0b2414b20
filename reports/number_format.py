"""How many decimals a column deserves, and numbers as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from ..formatting import join_words, plural
from ..stats import ALPHA

MOST = 6
USUAL = 3
P_STEP = 0.001


def decimals_for_intervals(widths: Iterable[float]) -> int:
    """Decimals that show two digits of the median half-width; more would be noise, fewer would hide differences."""
    halves = [width / 2 for width in widths if math.isfinite(width) and width > 0]
    return _decimals(median(halves), digits=2) if halves else USUAL


def decimals_for_measurements(values: Iterable[float]) -> int:
    """Decimals that show three digits of the median; none where every value is whole."""
    finite = [abs(value) for value in values if math.isfinite(value)]
    if all(value == round(value) for value in finite):
        return 0
    return _decimals(median(finite), digits=3) if median(finite) > 0 else USUAL


def _decimals(value: float, digits: int) -> int:
    return min(MOST, max(0, digits - 1 - math.floor(math.log10(value))))


def fixed(value: float, decimals: int) -> str:
    """The number with so many decimals; never minus zero."""
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text


def within(value: float, decimals: int, low: float = -math.inf, high: float = math.inf) -> str:
    """``fixed``; but what rounds to a bound of its range without being it says so: ``< 0.001``, ``> 99.9``.

    Args:
        low, high: the range; infinite where it has no bound.
    """
    step = 10.0**-decimals
    if low < value and fixed(value, decimals) == fixed(low, decimals):
        return f"< {fixed(low + step, decimals)}"
    if value < high and fixed(value, decimals) == fixed(high, decimals):
        return f"> {fixed(high - step, decimals)}"
    return fixed(value, decimals)


def p_value(p: float) -> str:
    """``p = 0.034``, ``p < 0.001``, ``p > 0.999``; never on the wrong side of 0.05; empty without one."""
    if math.isnan(p):
        return ""
    if p < P_STEP:
        return f"p < {P_STEP}"
    if p < ALPHA and fixed(p, 3) == fixed(ALPHA, 3):
        return f"p < {ALPHA}"
    if p > 1 - P_STEP:
        return "p = 1" if p == 1 else f"p > {1 - P_STEP:.3f}"
    return f"p = {fixed(p, 3)}"


def interval(low: float, high: float, decimals: int) -> str:
    """``[low, high]``; empty where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{fixed(low, decimals)}, {fixed(high, decimals)}]"


def offsets(mean: float, low: float, high: float, decimals: int) -> tuple[str, str]:
    """How far below and above the mean an interval reaches; empty where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return "", ""
    return fixed(mean - low, decimals), fixed(high - mean, decimals)


def images(units: int, scored: int) -> str:
    """``20 images``; ``48 images (6 independent)`` where some are copies, or of one group."""
    text = plural(scored, "image")
    return text if units == scored else f"{text} ({units:,} independent)"


def first_few(names: Sequence[str], most: int = 3) -> str:
    """``join_words``, of more than ``most`` the first two and how many more: ``a, b and 5 more``."""
    return join_words(names) if len(names) <= most else join_words([*names[:2], f"{len(names) - 2} more"])


def merged(work: Mapping[str, int]) -> str:
    """How many maps there were; duplicates, equal maps of one image, are scored once."""
    requested, scored = work["maps_asked"], work["maps_scored"]
    return f"{plural(requested, 'map')}" + (
        f" ({requested - scored:,} duplicates scored once)" if requested > scored else ""
    )


def share(value: float) -> str:
    """A share as per cent, never rounded to none or to all of it: ``< 1 %``, ``> 99 %``."""
    if 0 < value < 0.01:
        return "< 1 %"
    if 0.99 < value < 1:
        return "> 99 %"
    return f"{100 * value:.0f} %"


def pairs_in_words(values: Mapping[str, Any]) -> str:
    """``steps 28, fill zero``."""
    return ", ".join(f"{key} {_plain(value)}" for key, value in values.items())


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_plain(part) for part in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
