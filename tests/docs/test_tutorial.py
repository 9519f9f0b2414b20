"""docs/tutorial.ipynb: its outputs are of its code, it is small and names no place, and it runs, here in miniature."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from . import tutorial
from .test_links import broken

CELLS = 15
LARGEST = 500_000  # bytes of the file
PLACE = re.compile(r"(?<![\w.:/])/(?:home|root|tmp|usr|opt|mnt|work|Users|private|var)/|[A-Z]:\\|site-packages")


@pytest.fixture(scope="module")
def notebook() -> Any:
    return tutorial.read_notebook()


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def texts(notebook: Any) -> list[str]:
    """What the outputs say, in order, without pictures."""
    return [text for output in outputs(notebook) for text in _texts(output)]


def _texts(output: Any) -> list[str]:
    if output.output_type == "stream":
        return [output.text]
    return [str(text) for kind, text in output.get("data", {}).items() if not kind.startswith("image/")]


def complaints(notebook: Any) -> list[Any]:
    """Tracebacks, and what went to standard error."""
    return [each for each in outputs(notebook) if each.output_type == "error" or each.get("name") == "stderr"]


def test_the_outputs_are_of_the_code(notebook: Any) -> None:
    """Else: make notebook."""
    assert notebook.metadata[tutorial.EXECUTED] == tutorial.digest_of(notebook)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert len(counts) == CELLS
    assert complaints(notebook) == []


def test_an_edited_cell_is_noticed(notebook: Any) -> None:
    edited = tutorial.smaller(notebook)
    assert tutorial.digest_of(edited) != notebook.metadata[tutorial.EXECUTED]
    with pytest.raises(ValueError, match="should be there once"):
        tutorial.smaller(edited)


def test_it_is_small_and_names_no_place_of_a_machine(notebook: Any) -> None:
    assert tutorial.FILE.stat().st_size < LARGEST
    assert [text for text in texts(notebook) if PLACE.search(text)] == []
    assert PLACE.search("see /home/me/x")
    assert not PLACE.search("https://example.org/home/x, runs/tutorial")
    kinds = [kind for output in outputs(notebook) for kind in output.get("data", {})]
    assert kinds.count("image/jpeg") == 3
    assert "image/png" not in kinds


def test_its_words_are_true_and_its_links_lead_somewhere(notebook: Any) -> None:
    written = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert not broken(tutorial.FILE, "\n\n".join(written))
    assert "fifteen cells" in written[0]
    assert not any(source.startswith(("!", "%")) for source in tutorial.sources(notebook)), "it installs nothing"
    assert "\\begin{tabular}" in texts(notebook)[-1]
    assert "\\cite{" in texts(notebook)[-1]


def test_it_runs_in_miniature(notebook: Any, tmp_path: Path) -> None:
    done = tutorial.tidied(tutorial.executed(tutorial.smaller(notebook), tmp_path))
    assert complaints(done) == []
    assert [cell.execution_count for cell in done.cells if cell.cell_type == "code"] == list(range(1, CELLS + 1))
    kinds = [[sorted(output.get("data", {})) for output in cell.get("outputs", ())] for cell in done.cells]
    assert kinds == [[sorted(output.get("data", {})) for output in cell.get("outputs", ())] for cell in notebook.cells]
    assert "@article" in (tmp_path / "runs" / "table.bib").read_text(encoding="utf-8")
    assert {path.name for path in tmp_path.iterdir()} <= {"runs", "ipythondir", "jupyter_runtime_dir"}
