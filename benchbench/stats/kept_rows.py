"""Some rows of a large table: a copy of 2,000,000 rows of results takes 300 MB, and most choices are of all rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

OF_CELLS = ("model", "dataset", "layer", "method", "metric", "protocol", "sample", "unit", "value", "status", "reason")


def kept(
    rows: pd.DataFrame, keep: pd.Series[bool] | npt.NDArray[np.bool_], columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """The rows where ``keep`` is true. Where that is all of them, the table itself; nobody may write into it.

    Args:
        keep: (n,).
        columns: those that are needed, of which the table may lack some; None for all. ``OF_CELLS`` is what ``Cells``
            and the matrices of scores need.

    Example:
        >>> import numpy as np
        >>> import pandas as pd
        >>> from benchbench.stats.kept_rows import kept
        >>> rows = pd.DataFrame({"value": [1, 2], "note": ["a", "b"]})
        >>> kept(rows, rows["value"] > 0) is rows
        True
        >>> kept(rows, np.array([False, True]), ["value", "unit"]).to_dict("list")
        {'value': [2]}
    """
    flags = np.asarray(keep, dtype=np.bool_)
    narrow = rows if columns is None else rows[[name for name in columns if name in rows]]
    return narrow if flags.all() else narrow[flags]
