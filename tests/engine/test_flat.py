"""A run's memory and open files do not grow with its images: in small what tests/benchmarks/long_runs.py measures."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.long_runs import Counting, grows, small_study


def test_live_tensors_and_open_files_stay_flat(tmp_path: Path) -> None:
    counting = Counting()
    small_study(160, methods=["gradcam"], metrics=["sparseness"], workers=1).run(
        tmp_path, report=False, progress=counting
    )
    assert [each.shards for each in counting.standings] == [1, 2, 3, 4, 5]
    assert grows(counting.standings, "tensors") < 1
    assert grows(counting.standings, "files") < 0.5
