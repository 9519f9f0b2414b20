"""LaTeX documents for tests: the classes that papers have, compiled by what the system has installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

USES = r"\usepackage{booktabs,array,longtable,xcolor,graphicx}"
CVPR = (  # the page of CVPR's style file, which no package of Debian has
    r"\documentclass[10pt,twocolumn,letterpaper]{article}\usepackage{times}"
    r"\setlength{\textheight}{8.875in}\setlength{\textwidth}{6.875in}\setlength{\columnsep}{0.3125in}"
    r"\setlength{\topmargin}{0in}\setlength{\headheight}{0in}\setlength{\headsep}{0in}"
    r"\setlength{\oddsidemargin}{-0.1875in}\setlength{\parindent}{1pc}"
)
CLASSES = {
    "article": r"\documentclass{article}",
    "two-column article": r"\documentclass[twocolumn]{article}",
    "article in 11 points": r"\documentclass[11pt]{article}",
    "IEEEtran": r"\documentclass[conference]{IEEEtran}",
    "like CVPR": CVPR,
    "LNCS": r"\documentclass{llncs}",
}
TWO_COLUMNS = ("two-column article", "IEEEtran", "like CVPR")


def compiled(kind: str, body: str, folder: Path, name: str, bibliography: str = "") -> str:
    """The log of a document of a class; ``bibliography`` is the text of a .bib file."""
    need("pdflatex", ["pdflatex", "--version"])
    source = CLASSES[kind]
    for each in re.findall(r"\\documentclass(?:\[.*?\])?\{(\w+)\}", source):
        need(f"the class {each}", ["kpsewhich", f"{each}.cls"])
    end = r"\bibliographystyle{plain}\bibliography{refs}" if bibliography else ""
    (folder / "refs.bib").write_text(bibliography, encoding="utf-8")
    document = rf"{source}{USES}\begin{{document}}{body}{end}\end{{document}}"
    (folder / f"{name}.tex").write_text(document, encoding="utf-8")
    for number in range(4 if bibliography else 3):  # references, and longtable's columns
        done = run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", name], folder)
        assert done.returncode == 0, done.stdout[-2000:].decode(errors="replace")
        if bibliography and number == 0:
            cited = run(["bibtex", name], folder)
            assert cited.returncode == 0, cited.stdout.decode(errors="replace")
            assert b"Warning" not in cited.stdout, cited.stdout.decode(errors="replace")
    return (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")


def need(what: str, command: list[str]) -> None:
    """Skip, or fail where the system is required, without something that .ci/run installs."""
    there = shutil.which(command[0]) and subprocess.run(command, capture_output=True, check=False).returncode == 0
    if not there and os.environ.get("BENCHBENCH_REQUIRE_SYSTEM") == "1":
        pytest.fail(f"BENCHBENCH_REQUIRE_SYSTEM=1, and there is no {command[0]}: {what}")
    if not there:
        packages = "texlive-latex-recommended texlive-publishers texlive-fonts-recommended"
        pytest.skip(f"there is no {what} on this machine: apt-get install {packages}")


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False)


def pages(log: str) -> int:
    """The pages of a compiled document."""
    match = re.search(r"Output written on .*?\((\d+)\s+pages?", log, re.DOTALL)
    assert match
    return int(match[1])


def pages_of_tables(folder: Path, name: str) -> set[str]:
    """The pages on which the document's tables stand."""
    aux = (folder / f"{name}.aux").read_text(encoding="utf-8")
    return set(re.findall(r"\\newlabel\{tab:[^}]*\}\{\{[^}]*\}\{(\d+)\}", aux))
