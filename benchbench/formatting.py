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
