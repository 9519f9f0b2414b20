"""What benchbench says when a request cannot be met: what happened, where, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """A request that cannot be met, told in one line.

    Args:
        what: what is wrong, naming the thing.
        where: the place the user can go to, such as ``study.yaml: methods[2]``.
        hint: the way out.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what, where, hint)
        self.what, self.where, self.hint = what, where, hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        way_out = f". {self.hint}" if self.hint else ""
        return f"{place}{self.what.rstrip('.')}{way_out}"

    def at(self, where: str) -> BenchError:
        """The same error, said of a place; an inner place is kept behind the outer one."""
        place = f"{where}.{self.where}" if self.where else where
        return type(self)(self.what, where=place, hint=self.hint)


class NotApplicable(BenchError):  # noqa: N818 - an answer, not a mistake
    """What was asked has no meaning here (CAM on a head that is not pooled); the row says so, with the reason."""


def nearest(name: str, valid: Iterable[str], most: int = 20) -> str:
    """A hint that names the nearest and the valid names: ``Did you mean 'gradcam'? Available: ...``."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    guess = f"Did you mean {' or '.join(repr(c) for c in close)}? " if close else ""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{guess}Available: {', '.join(names[:most]) or 'none'}{more}"
