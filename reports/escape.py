"""Foreign text made safe to show: names and reasons come from plugins, files and error messages."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pandas as pd

from ..errors import UNSEEN

_INVISIBLE = re.compile(f"(?![\t\n]){UNSEEN.pattern}|[\ud800-\udfff]")  # halves of letters too
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last are their full-width forms
_BLANK = " \u00a0\u200b\ufeff"  # what a spreadsheet may leave out in front of a formula
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\texttt{\char34}",
    "'": r"{'}",
    "`": r"{`}",
    "-": "{-}",  # no en-dash out of two
    "[": "{[}",  # a row may begin with it, and would be read as the space before it
    "]": "{]}",
    "*": "{*}",
    "\u00b7": r"\textperiodcentered{}",
    "\u2013": "--",
    "\u2014": "---",
    "\u2018": "`",
    "\u2019": "'",
    "\u00d7": r"$\times$",
    "\u2191": r"$\uparrow$",
    "\u2193": r"$\downarrow$",
}
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0308": '"',
    "\u030a": "r",
    "\u030c": "v",
    "\u0327": "c",
}
_BREAKS = "(),=./_:+"
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$])")


def visible(text: str) -> str:
    """The text with control characters, bidirectional overrides too, shown as U+FFFD: none can reorder a page."""
    return _INVISIBLE.sub("\ufffd", text)


def one_line(text: str) -> str:
    """``visible``, with every run of white space as one space."""
    return visible(re.sub(r"[ \t\r\n\v\f]+", " ", text).strip())


def latex(text: str) -> str:
    """The text for LaTeX with any engine: ASCII only; what has no ASCII spelling is shown as its code point."""
    return "".join(_latex(character) for character in one_line(text))


def _latex(character: str) -> str:
    if character in _LATEX:
        return _LATEX[character]
    if character.isascii():
        return character
    parts = unicodedata.normalize("NFD", character)
    if len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and parts[1] in _ACCENTS:
        return rf"\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    return rf"\texttt{{U+{ord(character):04X}}}"


def latex_breaking(text: str, most: int = 12) -> str:
    """``latex``, that may break after punctuation and within long words: no name is wider than its column."""
    *pieces, last = breaking_pieces(text, most) or [""]
    parts = ["".join(map(_latex, piece)) + ("" if piece.endswith(" ") else r"\allowbreak{}") for piece in pieces]
    return "".join([*parts, *map(_latex, last)]).replace(r" \%", r"\,\%")


def breaking_pieces(text: str, most: int = 12) -> list[str]:
    """The text in one line, cut where ``latex_breaking`` lets a line end."""
    pieces, held, run, line = [], "", 0, one_line(text)
    for character, after in zip(line, f"{line[1:]} ", strict=True):
        held += character
        run = 0 if character == " " else run + (1 if character.isascii() else 6)
        ends = after != " " and ((character in _BREAKS and after not in _BREAKS and run > 3) or run >= most)
        if character == " " or ends:
            pieces.append(held)
            held, run = "", 0
    return [*pieces, held] if held else pieces


def markdown(text: str) -> str:
    """The text for a Markdown table's cell: no markup, no HTML, no column border."""
    safe = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    linkless = re.sub(r"(?i)\b(www)\.", r"\1&#46;", _MARKDOWN.sub(r"\\\1", safe))
    return re.sub(r"(?i)(https?|ftp)://", r"\1&#58;//", linkless)


def csv(rows: pd.DataFrame) -> str:
    """The rows as CSV. A text that a spreadsheet would run as a formula has an apostrophe in front, also a heading.

    A carriage return, which ends a row for some, becomes a space; control characters are shown as ``visible`` does.
    """
    texts = rows.select_dtypes(include=["object", "string", "category"]).columns
    inert = rows.assign(**{name: rows[name].astype(object).map(_inert) for name in texts})
    return inert.rename(columns=_inert).to_csv(index=False, lineterminator="\n")


def _inert(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = visible(value.replace("\r", " "))
    return f"'{text}" if text.startswith(("\t", "\n")) or text.lstrip(_BLANK).startswith(_FORMULA) else text
