"""Cells are read shard by shard, also where a metric needs the images of all shards."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchbench.engine.result_rows import tables
from benchbench.results import pack_folder
from benchbench.results.pack import Pack, read_pack
from benchbench.results.store import Store

from ..engine.test_growth import Counted, fill, planned, study

METHODS, METRICS = ["gradcam", "layercam", "random"], ["sparseness", "iou", "max_box_acc_v2"]
LAYERS = ("layer1", "layer2")


def test_the_index_of_a_pack_is_read_a_fixed_number_of_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the number of methods, layers and metrics, and where no more than one index stays in memory."""
    work = planned(Counted(96), METHODS, METRICS, LAYERS)
    fill(Store(tmp_path), work)
    read: list[str] = []

    def counting(path: Path) -> Pack:
        read.append(path.name)
        return read_pack(path)

    monkeypatch.setattr(pack_folder, "KEPT", 1)
    monkeypatch.setattr(pack_folder, "read_pack", counting)
    assert len(tables(work, [], study(96, METHODS, METRICS), Store(tmp_path), {}).results)
    assert len(set(read)) == len(work) == 3
    assert max(map(read.count, read)) <= 3, "to see what is there, for the kept cells, for the rows"
