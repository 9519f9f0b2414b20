"""CSV that a spreadsheet opens without running anything."""

from __future__ import annotations

import io
from csv import reader

import pandas as pd
import pytest

from benchbench.reports.escape import csv


@pytest.mark.parametrize("name", ["=1+1", "+cam", "-cam", "@SUM(A1)", "\tcam", " =1+1", '=HYPERLINK("x")'])
def test_a_formula_is_text(name: str) -> None:
    rows = pd.DataFrame({"method": pd.array([name, "gradcam"], dtype="string"), "mean": [-0.5, 1.0]})
    table = list(reader(io.StringIO(csv(rows), newline="")))
    assert table == [["method", "mean"], [f"'{name}", "-0.5"], ["gradcam", "1.0"]]
