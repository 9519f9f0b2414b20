"""Shards by workers: the same rows as in one process, a lost worker's shard again, and nothing where nothing lacks."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchbench.engine.runner import run
from benchbench.engine.workers.hand_out import MOST_LOSSES
from benchbench.errors import BenchError
from benchbench.registry import METHODS, method
from benchbench.registry.importing import load_file, user_files
from benchbench.results.record import Record
from benchbench.types import Layer

from .conftest import PoolsHere, study


def done(images: Tensor, folder: Path, **keys: Any) -> Record:
    run(study(images, **keys), folder)
    return Record.load(folder)


def scores(record: Record) -> Any:
    """All rows but measured seconds."""
    return (
        record.results[~record.results["metric"].str.startswith("overhead.s")]
        .drop(columns="value")
        .join(record.results["value"].where(~record.results["metric"].str.startswith("overhead")))
    )


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_rows_are_those_of_one_process(
    newest_first: bool, images: Tensor, tmp_path: Path, pools_here: PoolsHere
) -> None:
    alone = done(images, tmp_path / "alone")
    pools_here.newest_first = newest_first
    shared = done(images, tmp_path / "shared", processes=2)
    assert scores(shared).equals(scores(alone))
    assert shared.curves.equals(alone.curves)
    assert shared.maps.equals(alone.maps)
    assert shared.photos.equals(alone.photos)
    assert shared.info["work"]["forwards"] == alone.info["work"]["forwards"]
    assert shared.info["work"]["cells_computed"] == alone.info["work"]["cells_computed"]
    assert len(pools_here) == 1  # for the maps and for what is made of them


def test_a_run_that_lacks_nothing_starts_no_worker(images: Tensor, tmp_path: Path, pools_here: PoolsHere) -> None:
    done(images, tmp_path)
    done(images, tmp_path, processes=2)
    assert not pools_here


def test_more_methods_extend_the_packs(images: Tensor, tmp_path: Path, pools_here: PoolsHere) -> None:
    done(images, tmp_path / "a", methods=["gradcam"], processes=2)
    grown = done(images, tmp_path / "a", methods=["gradcam", "layercam"], processes=2)
    whole = done(images, tmp_path / "b", methods=["gradcam", "layercam"])
    assert scores(grown).equals(scores(whole))
    assert len(pools_here) == 2


def test_a_lost_workers_shard_is_tried_alone(images: Tensor, tmp_path: Path, pools_here: PoolsHere) -> None:
    pools_here.loses = lambda index, time: index == 1 and time == 1
    shared = done(images, tmp_path / "shared", processes=2, methods=["gradcam"])
    assert scores(shared).equals(scores(done(images, tmp_path / "alone", methods=["gradcam"])))
    (pool,) = pools_here
    assert pool.given.count(1) == 2
    assert pool.together[1] == 1


def test_a_deadly_shard_ends_the_run_after_the_others(images: Tensor, tmp_path: Path, pools_here: PoolsHere) -> None:
    pools_here.loses = lambda index, time: index == 0
    with pytest.raises(BenchError, match=f"{MOST_LOSSES} workers ended on this shard .a test took the worker"):
        done(images, tmp_path, processes=2, methods=["gradcam"])
    (pool,) = pools_here
    assert pool.given.count(0) == MOST_LOSSES
    assert set(pool.given) == set(range(len(images) // 2))
    pools_here.loses = lambda index, time: False
    again = done(images, tmp_path, processes=2, methods=["gradcam"])
    assert pools_here[1].given == [0]  # all others were kept
    assert (again.results["status"] == "ok").all()


def test_what_fails_is_tried_once_a_run(images: Tensor, tmp_path: Path, pools_here: PoolsHere) -> None:
    """Also where a second time follows, for the maps that are derived; an image that fails is one of the shard's."""
    calls: list[int] = []
    images = torch.cat([images[:-1], torch.full_like(images[:1], 1e38)])  # whose logits overflow

    @method("breaks_in_workers", needs="gradient")
    def breaks_in_workers(layer: Layer) -> Tensor:
        calls.append(1)
        raise ValueError("broken")

    def three_runs(folder: Path, **keys: Any) -> tuple[Record, list[int]]:
        """What they leave, and the calls of each."""
        names, counts = ["gradcam", "dataset-mean", "breaks_in_workers"], []
        for _ in range(3):
            calls.clear()
            record = done(images, folder, methods=names, metrics=["sparseness"], **keys)
            counts.append(len(calls))
        return record, counts

    try:
        alone, once = three_runs(tmp_path / "alone")
        shared, counts = three_runs(tmp_path / "shared", processes=2)
        assert counts == once
        assert once[1:] == [once[0], 0]  # the third run has nothing to try
        failed = shared.results[shared.results["method"] == "breaks_in_workers"]
        assert failed["reason"].str.contains("ValueError: broken|not finite").all()
        assert shared.results.equals(alone.results)
        assert len(pools_here) == 2
    finally:
        METHODS.remove("breaks_in_workers")


CODE = '''
from torch import Tensor
from benchbench.registry import method
from benchbench.types import Layer


@method("edited_file", needs="gradient")
def edited_file(layer: Layer) -> Tensor:
    """The gradient."""
    return layer.gradient.{reduce}.sum(1)
'''


def test_a_file_that_was_edited_during_the_run_is_refused(
    images: Tensor, tmp_path: Path, pools_here: PoolsHere, planted: None
) -> None:
    """Its maps would be stored under the name of the code that the command has."""
    file = tmp_path / "mine.py"

    def write(reduce: str) -> None:
        """As a worker imports it, which has not done so before."""
        METHODS.remove("edited_file")
        for name in [name for name, path in user_files(sys.modules).items() if path == file]:
            del sys.modules[name]
        file.write_text(CODE.format(reduce=reduce))
        load_file(file)

    write("abs()")
    keys: dict[str, Any] = {"methods": ["edited_file"], "metrics": ["sparseness"], "processes": 2}
    pools_here.before = partial(write, "square()")
    with pytest.raises(BenchError, match="a worker has other code or other files of method edited_file"):
        done(images, tmp_path / "run", **keys)
    shared = done(images, tmp_path / "run", **keys)  # the command has the edited file now
    pools_here.before = lambda: None
    assert shared.results.equals(done(images, tmp_path / "alone", **{**keys, "processes": 1}).results)
