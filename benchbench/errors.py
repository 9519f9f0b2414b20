"""What benchbench says when a request cannot be met: what happened, where, and what to do about it."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

# what a terminal obeys and what reorders a line: control characters and bidirectional marks, and line separators
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_BREAK = re.compile(r"\s*[\t\n\v\f\r]\s*")
_KEY = re.compile(r"[A-Za-z_][\w-]*(\[\w*\])*$")  # of a study: a file has a dot or a slash in its name
_MOST, _MOST_OF_HINT = 1_500, 4_000  # letters of an error's parts; a hint may list every name that there is


class BenchError(Exception):
    """A request that cannot be met, told in one line.

    Args:
        what: what is wrong, naming the thing.
        where: the place the user can go to, such as ``study.yaml: methods[2]``.
        hint: the way out.

    Example:
        >>> bb.explain(network, images, method="gradcm")
        Traceback (most recent call last):
        ...
        benchbench.errors.BenchError: unknown method 'gradcm'. Did you mean 'gradcam' ...
    """

    final = False  # whether it is the same for every image, so that none need be tried alone

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what, where, hint)
        self.what, self.where, self.hint = _one_line(what), _one_line(where), _one_line(hint, _MOST_OF_HINT)

    def __reduce__(self) -> tuple[object, ...]:
        """So that it survives the way from another process."""
        return _rebuilt, (type(self), self.what, self.where, self.hint)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        way_out = f". {self.hint}" if self.hint else ""
        return f"{place}{self.what.rstrip('.')}{way_out}"

    def at(self, where: str) -> BenchError:
        """The same error, said of a place; an inner place follows it: a key after a dot, a file after a colon."""
        joined = "." if _KEY.match(self.where) else ": "
        place = f"{where}{joined}{self.where}" if self.where else where
        return type(self)(self.what, where=place, hint=self.hint)


def _rebuilt(kind: type[BenchError], what: str, where: str, hint: str) -> BenchError:
    return kind(what, where=where, hint=hint)


class NotApplicable(BenchError):  # noqa: N818 - an answer, not a mistake
    """What was asked has no meaning here (CAM on a head that is not pooled); the row says so, with the reason.

    Example:
        >>> flat = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(3600, 5)).eval()
        >>> bb.explain(flat, images, method="cam", layer="0")
        Traceback (most recent call last):
        ...
        benchbench.errors.NotApplicable: ...
    """


def safe(text: str) -> str:
    """The text with what is no Unicode, as of a file's name in another encoding, and ``UNSEEN`` as escapes."""
    return UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode(), unicode(text))


def unicode(text: str) -> str:
    """The text with what is no Unicode as escapes: it can be written into a file."""
    return text.encode("utf-8", "backslashreplace").decode()


def safe_json(text: str) -> str:
    """JSON with what a terminal obeys, or what reorders a line, as JSON's escapes: it stands in texts alone."""
    return re.sub(rf"(?!\n){UNSEEN.pattern}", lambda match: f"\\u{ord(match[0]):04x}", text)


def _one_line(text: str, most: int = _MOST) -> str:
    """``safe``, in one line; of a very long text the beginning."""
    end = f" ... ({len(text):,} letters)" if len(text) > most else ""
    return safe(_BREAK.sub(" ", text[:most])) + end


def message_of(error: BaseException) -> str:
    """What an exception says, in one line; its kind where it says nothing, or raises when it is asked."""
    message = ""
    with suppress(Exception):
        message = safe(" ".join(str(error).split()))[:300]
    return message or f"{type(error).__name__}, without a message"


def raised(error: BaseException) -> str:
    """An exception's kind and what it says: ``ValueError: no``."""
    return f"{type(error).__name__}: {message_of(error)}"


def folded(name: str) -> str:
    """A name without what people spell in different ways: Grad-CAM, GradCAM and grad_cam are ``gradcam``.

    Case, spaces, ``-``, ``_`` and ``.`` are left out. Kept is what tells names apart: a separator between two digits
    (regnet_x_16gf is not regnet_x_1_6gf), ``+`` as plus, a minus at the end, and ``pp`` behind CAM as plusplus.
    """
    text = unicodedata.normalize("NFKC", name).casefold().replace("\u00b1", "+-")
    text = re.sub(r"[-\u2212]$", "minus", text.strip()).replace("+", "plus")
    text = re.sub(r"(?<=\d)[-_.\s](?=\d)", ":", text)
    return re.sub(r"(?<=cam)pp$", "plusplus", re.sub(r"[-_.\s\u2010-\u2015]+", "", text))


def meant(name: str, valid: Iterable[str]) -> list[str]:
    """The valid names that ``name`` may be a spelling of; the name itself where it is valid."""
    names = list(valid)
    return [name] if name in names else [each for each in names if folded(each) == folded(name)]


def nearest(name: str, valid: Iterable[str], most: int = 20, prefix: str = "") -> str:
    """A hint that names the nearest and the valid names: ``Did you mean 'gradcam'? Available: ...``.

    Args:
        prefix: what the user writes in front of every name, such as ``timm:``; the hint has it too.
    """
    names = sorted(valid)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    listed = ", ".join(f"{prefix}{each}" for each in names[:most])
    return f"{_guess(name, names, prefix)}Available: {listed or 'none'}{more}"


def nearest_by_family(name: str, families: Mapping[str, Sequence[str]]) -> str:
    """A hint that names the nearest names first, and then every valid name by family."""
    names = sorted(name for family in families.values() for name in family)
    listed = "; ".join(
        f"{family}: {', '.join(names)}" if family else ", ".join(names) for family, names in families.items()
    )
    return f"{_guess(name, names)}Available: {listed or 'none'}"


def _guess(name: str, names: Sequence[str], prefix: str = "") -> str:
    spelled: dict[str, str] = {}
    for each in names:
        spelled.setdefault(folded(each), each)
    close = [spelled[key] for key in difflib.get_close_matches(folded(name), spelled, n=3, cutoff=0.5)]
    return f"Did you mean {' or '.join(repr(f'{prefix}{c}') for c in close)}? " if close else ""
