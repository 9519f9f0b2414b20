"""Footnotes of a leaderboard: why a cell is not complete, said once of all methods that it holds of."""

from __future__ import annotations

from ...formatting import join_words
from .. import number_format


class Notes:
    """A block's footnotes: what holds of several methods is said once."""

    def __init__(self) -> None:
        self.methods: dict[str, list[str]] = {}  # by what is said, of whom

    def number(self, method: str, text: str) -> int:
        if method not in self.methods.setdefault(text, []):
            self.methods[text].append(method)
        return list(self.methods).index(text) + 1

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(f"{number_format.first_few(methods)}: {text}" for text, methods in self.methods.items())


def why(n: int, failed: int, not_applicable: int, reason: str, incomparable: bool) -> str:
    """What the footnote of a cell that is not complete says of its method; empty for one that is."""
    total = n + failed + not_applicable
    if not (failed or not_applicable):
        fewer = f"the run is not finished, and has {n} images of it: the mean is over different images"
        return f"{fewer}, so it is not comparable and never marked best" if incomparable else ""
    if not n:
        return f"{'not applicable' if not_applicable else 'failed'}: {reason}"
    words = [f"{failed} failed"] * bool(failed) + [f"{not_applicable} not applicable"] * bool(not_applicable)
    so = (
        "the mean is over different images, so it is not comparable and never marked best"
        if incomparable
        else "the other methods have the same images, so means are comparable"
    )
    return f"of {total} images {join_words(words)} ({reason}); {so}"
