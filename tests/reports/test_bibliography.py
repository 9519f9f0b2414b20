"""BibTeX of methods and metrics: each built-in paper has an entry that names its authors, and LaTeX can read it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchbench.registry import METHODS, METRICS
from benchbench.reports.latex.bibliography import bibliography, citations, entry_of

from .test_latex import BAD
from .typesetting import compiled

PAPERS = sorted({p.paper for registry in (METHODS, METRICS) for p in registry.load().values() if p.paper})


@pytest.mark.parametrize("paper", PAPERS)
def test_every_built_in_paper_is_known(paper: str) -> None:
    entry = entry_of(paper)
    assert entry is not None
    for field in ("author", "title", "year"):
        assert re.search(rf"^  {field} +=", entry.text, re.MULTILINE), entry.text
    year = re.search(r"year += \{(\d{4})\}", entry.text)
    assert year
    assert year[1] in entry.key
    family = re.search(r"author += \{([^,]+),", entry.text)
    assert family
    plain = re.sub(r"\{?\\[^a-z]*\{?|[^A-Za-z]", "", family[1]).lower()
    assert entry.key.startswith(plain[:4])
    arxiv = re.fullmatch(r"arXiv:(\d\d)(\d\d)\.\d{4,5}", paper)
    if arxiv:
        assert 0 <= int(year[1]) - 2000 - int(arxiv[1]) <= 3  # a paper is not printed before its preprint
        assert f"eprint        = {{{paper[6:]}}}" in entry.text
    venue = {"inproceedings": "booktitle", "article": "journal", "misc": "title"}
    kind = re.match(r"@(\w+)\{", entry.text)
    assert kind
    assert f"  {venue[kind[1]]} " in entry.text


def test_keys_are_unique() -> None:
    keys = [entry.key for entry in map(entry_of, PAPERS) if entry]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("paper", "text"),
    [
        ("arXiv:2401.99999", "eprint        = {2401.99999}"),
        ("doi:10.1000/xyz.1", "doi   = {10.1000/xyz.1}"),
        ("https://example.org/a_b", r"howpublished = {\url{https://example.org/a_b}}"),
        ("A Book & Co, 1999", r"note  = {A Book \& Co, 1999}"),
    ],
)
def test_another_paper_is_a_misc(paper: str, text: str) -> None:
    entry = entry_of(paper)
    assert entry is not None
    assert entry.text.startswith("@misc{")
    assert text in entry.text


def test_no_paper_is_no_entry() -> None:
    assert entry_of("") is None
    assert citations([{"name": "random", "paper": ""}, {"name": "a", "paper": "arXiv:1610.02391"}], ["name"]) == {
        "a": "selvaraju2017gradcam"
    }


def test_bibtex_reads_all(tmp_path: Path) -> None:
    papers = [*PAPERS, "arXiv:2401.99999", "doi:10.1000/x_y%z", "https://example.org/a_b%c", "{\\evil} & $x$ #"]
    info = {"methods": [{"paper": paper} for paper in papers], "metrics": []}
    text = bibliography(info)
    keys = ",".join(entry.key for entry in map(entry_of, papers) if entry)
    log = compiled("article", rf"\cite{{{keys}}}", tmp_path, "all", text)
    assert [line for line in BAD.findall(log) if "Overfull" not in line] == []
