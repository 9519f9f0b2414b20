"""A table that is collected row by row is the one that pandas makes of all rows at once."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.results import table_draft
from benchbench.results.schema import MAPS, RESULTS, typed
from benchbench.results.table_draft import TableDraft

TEXTS = st.sampled_from(["", "a", "b.jpg", "ü"])
ROWS = st.fixed_dictionaries(
    {name: TEXTS for name, kind in RESULTS.items() if kind == "string" and name != "sample"}
    | {"sample": st.none() | TEXTS, "label": st.none() | st.integers(-1, 999), "target": st.integers(0, 9)}
    | {"value": st.none() | st.floats(-1e6, 1e6)}
)


@settings(max_examples=20, deadline=None)
@given(rows=st.lists(ROWS, min_size=1, max_size=9), waiting=st.integers(1, 4))
def test_it_is_the_table_of_all_rows_at_once(rows: list[dict[str, Any]], waiting: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_draft, "WAITING", waiting)
        draft = TableDraft(RESULTS)
        draft.extend(rows[:2])
        draft.extend(iter(rows[2:]))
        pd.testing.assert_frame_equal(draft.frame(), typed(pd.DataFrame(rows), RESULTS))


def test_without_rows_it_has_its_columns() -> None:
    pd.testing.assert_frame_equal(TableDraft(MAPS).frame(), typed(pd.DataFrame(), MAPS))


def test_what_a_row_lacks_is_missing_and_what_the_table_lacks_is_left_out() -> None:
    draft = TableDraft({"sample": "string", "row": "Int64", "x": "float64"})
    draft.extend([{"sample": "a", "more": 1}, {"row": 2, "x": 0.5}])
    frame = draft.frame()
    assert list(frame.columns) == ["sample", "row", "x"]
    assert frame.isna().to_numpy().tolist() == [[False, True, True], [True, False, False]]
