"""Counts and lists in words."""

from __future__ import annotations

from collections.abc import Iterable


def plural(count: int, singular: str, many: str = "") -> str:
    """``1 image``, ``20 images``, ``1,394 images``."""
    return f"{count:,} {singular if count == 1 else many or singular + 's'}"


def join_words(names: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *first, last = list(names) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def join_some(names: Iterable[str], most: int | None = None) -> str:
    """``join_words``, with the names beyond the first ``most`` counted: ``a, b and 40 others``."""
    listed = list(names)
    if most is None or len(listed) <= most + 1:
        return join_words(listed)
    return join_words([*listed[:most], f"{len(listed) - most} others"])


def with_score(label: str, score: str | None) -> str:
    """A method's label with the score that it explains among its parameters; None is the logit, which is not named.

    Example:
        >>> from benchbench.formatting import with_score
        >>> with_score("gradcam", "probability"), with_score("fusion(by=mean)", "contrast"), with_score("cam", None)
        ('gradcam(score=probability)', 'fusion(by=mean, score=contrast)', 'cam')
    """
    if score is None:
        return label
    return f"{label[:-1]}, score={score})" if label.endswith(")") else f"{label}(score={score})"


def duration(seconds: float) -> str:
    """A time in words, in the two largest units that it has.

    Example:
        >>> from benchbench.formatting import duration
        >>> duration(0.4), duration(75), duration(3 * 3600 + 600), duration(200_000)
        ('under 1 s', '1 min 15 s', '3 h 10 min', '2 days 7 h')
    """
    whole = round(seconds)
    if whole < 1:
        return "under 1 s"
    days, hours, minutes, rest = whole // 86400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    units = ((days, "day" if days == 1 else "days"), (hours, "h"), (minutes, "min"), (rest, "s"))
    first = next(i for i, (count, _) in enumerate(units) if count)
    shown = units[first : first + 2] if whole < 600 or whole >= 3600 else units[first : first + 1]
    return " ".join(f"{count} {unit}" for count, unit in shown if count)


def size(count: float) -> str:
    """Bytes in words.

    Example:
        >>> from benchbench.formatting import size
        >>> size(900), size(25_300), size(4_210_000), size(7.3e9)
        ('900 bytes', '25 kB', '4.2 MB', '7.3 GB')
    """
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            number = count / factor
            return f"{number:.1f} {unit}" if number < 10 else f"{number:,.0f} {unit}"
    return plural(round(count), "byte")
