"""Metrics beside other libraries', row by row; the page says the same."""

from __future__ import annotations

import pytest

pytest.importorskip("quantus")
pytest.importorskip("cv2")
pytest.importorskip("sklearn")

from benchbench.metrics._quantus_support import REFUSED
from benchbench.registry import METRICS

from .agreement import FAULTS, LEAST, PAGE, ROWS, WITHOUT_PEER, Row, unpaired


def written() -> list[list[str]]:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("number", range(len(ROWS)), ids=lambda i: f"{ROWS[i].metric} {ROWS[i].peer} {ROWS[i].on}")
def test_a_row_is_what_is_measured(number: int) -> None:
    """Within its bound where the two agree, beyond doubt where they do not; and the page's number is of that size."""
    row: Row = ROWS[number]
    measured, documented = row.difference(), float(written()[number][5])
    if row.differs:
        assert measured > LEAST, "else the peer was mended, and the row is to be changed"
        assert documented / 2 < measured < 2 * documented, (
            "peers that sort equal pixels in no order do it by the processor's kind"
        )
    else:
        assert measured <= row.bound
        assert documented <= row.bound


def test_the_page_holds_these_rows() -> None:
    """Else: python -m tests.metrics.agreement."""
    assert [cells[:5] for cells in written()] == [row.cells for row in ROWS]
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| Quantus {name} | {why} |" in text for name, why in REFUSED.items())
    assert all(f"| {peer} | {why} |" in text for peer, why in FAULTS.items())
    assert all(line in text.splitlines() for line in unpaired())


@pytest.mark.parametrize(("names", "file"), [(names, file) for names, _, file in WITHOUT_PEER])
def test_metrics_without_a_peer_are_in_the_tests_that_the_page_names(names: tuple[str, ...], file: str) -> None:
    tests = PAGE.parents[1].joinpath("tests", "metrics", f"test_{file}.py").read_text(encoding="utf-8")
    assert set(names) <= set(METRICS.names())
    assert all(f'"{name}"' in tests for name in names)
