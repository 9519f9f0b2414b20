"""Agreement with other libraries, and difference on purpose, row by row; the page says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from .agreement import LEAST, OTHERWISE, PAGE, ROWS, Row, cells, difference, otherwise


@pytest.mark.parametrize(
    ("row", "network", "layer"),
    [(row, *place) for row in ROWS if not row.differs for place in row.places],
    ids=lambda value: value.label if isinstance(value, Row) else str(value),
)
def test_what_agrees(row: Row, network: str, layer: str) -> None:
    assert difference(row, network, layer) <= row.bound


@pytest.mark.parametrize("row", [row for row in ROWS if row.differs], ids=lambda row: f"{row.label} {row.peer}")
def test_what_differs_on_purpose_does(row: Row) -> None:
    """Else the peer was mended, and the row is to be changed."""
    assert max(difference(row, *place) for place in row.places) > LEAST


def test_the_page_holds_these_rows() -> None:
    """Else: python -m tests.methods.agreement."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    written = [[cell.strip() for cell in line.strip("|").split(" | ")][:6] for line in lines]
    assert written == [[c.strip() for c in cells(row, *place)] for row in ROWS for place in row.places]


def test_methods_without_a_row_are_listed_and_tested() -> None:
    for names, _, file in OTHERWISE:
        tests = (Path(__file__).parent / f"test_{file}.py").read_text(encoding="utf-8")
        for name in names:
            assert f'"{name}"' in tests, f"{name} is not tested there"
            assert name not in {row.method for row in ROWS}, f"{name} has a row"
    assert "\n".join(otherwise()) in PAGE.read_text(encoding="utf-8")
