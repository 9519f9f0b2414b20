"""BibTeX of the papers behind a run's methods and metrics."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from ..escape import latex, one_line

HEAD = "% Written by benchbench; rebuild it rather than edit it.\n"
_ARXIV = re.compile(r"arxiv\s*:\s*(\d{4}\.\d{4,5}|[a-z.-]+/\d{7})", re.IGNORECASE)
_DOI = re.compile(r"\b(10\.\d{4,9}/\S+)")
_URL = re.compile(r"https?://\S+")
_URL_COMMAND = '@preamble{"\\providecommand{\\url}[1]{\\texttt{#1}}"}\n'
_URL_SPECIAL = re.compile(r"[\\{}%#\s]")


@dataclass(frozen=True)
class Entry:
    """A paper: the key that ``\\cite`` takes, and its BibTeX."""

    key: str
    text: str


def entry_of(paper: str) -> Entry | None:
    """The BibTeX entry of a plugin's ``paper``; None where it names none.

    A paper that is not in papers.yaml becomes a ``@misc`` with its eprint, DOI or address.

    Args:
        paper: such as ``arXiv:1610.02391``, ``doi:10.1109/TIP.2021.3089943`` or an address.
    """
    name = one_line(paper)
    if not name:
        return None
    place = _place(name)
    known = _papers().get(name) or _papers().get(place.get("id", ""))
    if known:
        fields = {key: str(value) for key, value in known.items() if key not in ("key", "type")}
        located = _located(place)
        if known["type"] != "misc":
            located.pop("note", None)  # its venue says where it is
        return Entry(known["key"], _bibtex(known["type"], known["key"], {**fields, **located}))
    key = re.sub(r"[^A-Za-z0-9]+", "-", place.get("id", name)).strip("-").lower() or "paper"
    fields = {"key": key, "title": f"{{{latex(name)}}}"} | ({} if place else {"note": latex(name)})
    return Entry(key, _bibtex("misc", key, {**fields, **_located(place)}))


def bibliography(info: Mapping[str, Any]) -> str:
    """A .bib file of every method and metric of a run that names a paper: each paper once, in the order of the keys.

    Args:
        info: run.json.
    """
    entries = {entry.key: entry.text for entry in map(entry_of, _papers_of(info)) if entry}
    urls = any(r"\url{" in text for text in entries.values())
    return "\n".join([HEAD, *([_URL_COMMAND] if urls else []), *(entries[key] for key in sorted(entries))])


def citations(entries: Iterable[Mapping[str, Any]], key: Sequence[str]) -> dict[Any, str]:
    """By the fields ``key`` of entries of run.json, the key that ``\\cite`` takes; without those that name no paper."""
    cited = {}
    for each in entries:
        entry = entry_of(each.get("paper") or "")
        if entry:
            cited[tuple(each[name] for name in key) if len(key) > 1 else each[key[0]]] = entry.key
    return cited


def _papers_of(info: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("methods", "metrics"):
        yield from (each.get("paper") or "" for each in info[kind])


@cache
def _papers() -> dict[str, dict[str, Any]]:
    text = (files(__package__) / "papers.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def _place(paper: str) -> dict[str, str]:
    """Where a paper is: its id as in papers.yaml, and the field that says so."""
    arxiv, doi, url = _ARXIV.search(paper), _DOI.search(paper), _URL.search(paper)
    if arxiv:
        return {"id": f"arXiv:{arxiv[1]}", "eprint": arxiv[1]}
    if doi and not (url and "doi.org" not in url[0]):
        text = doi[1].rstrip(".,;")
        return {"id": f"doi:{text}", "doi": text}
    return {"id": url[0].rstrip(".,;"), "url": url[0].rstrip(".,;")} if url else {}


def _located(place: Mapping[str, str]) -> dict[str, str]:
    if "eprint" in place:
        address = f"arXiv:{place['eprint']}"
        return {"eprint": place["eprint"], "archiveprefix": "arXiv", "note": address}
    if "doi" in place:
        return {"doi": _URL_SPECIAL.sub("", place["doi"])}
    if "url" in place:
        return {"howpublished": rf"\url{{{_URL_SPECIAL.sub('', place['url'])}}}"}
    return {}


def _bibtex(kind: str, key: str, fields: Mapping[str, str]) -> str:
    width = max(map(len, fields), default=0)
    lines = [f"  {name:<{width}} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"]) + "\n"
