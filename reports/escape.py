"""Foreign text made safe to show: names and reasons come from plugins, files and error messages."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pandas as pd

_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
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
    return re.sub(r"(https?|ftp)://", r"\1&#58;//", _MARKDOWN.sub(r"\\\1", safe))


def csv(rows: pd.DataFrame) -> str:
    """The rows as CSV. A text that a spreadsheet would run as a formula has an apostrophe in front.

    A carriage return, which ends a row for some, becomes a space.
    """
    texts = rows.select_dtypes(include=["object", "string"]).columns
    return rows.assign(**{name: rows[name].map(_inert) for name in texts}).to_csv(index=False, lineterminator="\n")


def _inert(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.replace("\r", " ")
    return f"'{text}" if text.lstrip(" ").startswith(("=", "+", "-", "@", "\t")) else text
