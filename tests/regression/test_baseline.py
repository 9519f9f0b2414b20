"""The file: what goes in comes out, the same run gives the same bytes, and a spoiled file is one line of an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.regression import Baseline, check

from .conftest import METHODS, tiny


def test_round_trip(run: bb.Run, then: Baseline, tmp_path: Path) -> None:
    path = run.baseline(tmp_path / "deep" / "baseline.json")
    again = Baseline.load(path)
    assert again == then
    assert again.text() == path.read_text()
    assert again.save(tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_it_holds_the_run_s_scores(run: bb.Run, then: Baseline) -> None:
    rows = run.table[run.table["sample"].notna() & (run.table["metric"] == "deletion")]
    for (method, sample), group in rows.groupby(["method", "sample"]):
        (cell,) = [c for c in then.scores if c.method == method and c.metric == "deletion"]
        order = then.samples["small", "smooth"]
        assert cell.values[order.index(sample)] == pytest.approx(float(group["value"].iloc[0]), rel=1e-6)
    assert {cost.metric for cost in then.costs} == {"runtime", "peak_memory", "passes"}
    assert all(cost.reference for cost in then.costs if cost.metric == "runtime")
    assert {maps.method for maps in then.maps} == set(METHODS)


def test_its_scores_are_those_of_the_run_for_the_statistics(run: bb.Run, then: Baseline) -> None:
    mine = run.leaderboard().query("kind == 'quality'").set_index(["method", "metric"])["mean"]
    rows = then.record.results
    theirs = rows[rows["status"] == "ok"].groupby(["method", "metric"])["value"].mean()
    assert len(theirs)
    np.testing.assert_allclose(theirs, mine.loc[theirs.index], rtol=1e-5)


def test_it_names_no_place_and_no_time(run: bb.Run, then: Baseline) -> None:
    text = then.text()
    assert str(run.folder) not in text
    assert str(Path.home()) not in text
    assert not any(key in text for key in ("started", "seconds", "date"))


def test_one_thing_a_line(then: Baseline) -> None:
    lines = then.text().splitlines()
    assert max(map(len, lines)) < 3000
    assert sum('"protocol": "rise-28", "values"' in line for line in lines) == 2 * len(METHODS)


SPOILED: dict[str, tuple[Callable[[str], str], str]] = {
    "not JSON": (lambda text: text[:-20], "cannot be read"),
    "no baseline": (lambda text: "[]", "no baseline"),
    "another version": (lambda text: text.replace('"baseline": 1', '"baseline": 99'), "another version"),
    "a number that is a word": (lambda text: text.replace('"seed": 0', '"seed": "x"'), "seed"),
    "fewer values": (lambda text: _fewer(text), "do not fit the images"),
    "cells of another shape": (lambda text: text.replace('"cells": "', '"cells": "AAAA', 1), "does not fit its shape"),
    "cells that are no base64": (lambda text: text.replace('"cells": "', '"cells": "!', 1), "does not fit its shape"),
}


def _fewer(text: str) -> str:
    found = json.loads(text)
    found["scores"][0]["values"].pop()
    return json.dumps(found)


@pytest.mark.parametrize("kind", SPOILED)
def test_a_spoiled_file(kind: str, then: Baseline, tmp_path: Path) -> None:
    spoil, said = SPOILED[kind]
    path = tmp_path / "baseline.json"
    text = spoil(then.text())
    assert text != then.text()
    path.write_text(text)
    with pytest.raises(BenchError, match=said) as error:
        Baseline.load(path)
    assert "benchbench baseline" in str(error.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no such baseline"):
        Baseline.load(tmp_path / "none.json")


@pytest.mark.parametrize(("batch", "threads"), [(1, 1), (3, 2), (64, 2)])
def test_no_false_alarm_from_batches_and_threads(batch: int, threads: int, then: Baseline, tmp_path: Path) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        found = check(
            tiny(tmp_path / "run", batch=batch, metrics=["deletion", "insertion", "average_drop", "increase"]).record,
            then,
            methods=METHODS,
            metrics=["deletion", "insertion", "average_drop", "increase"],
        )
    finally:
        torch.set_num_threads(before)
    assert found.ok, found.summary
    assert not [change for change in found.changes if change.kind != "note"]
    assert found.counts == {"scores": 4 * 4 * 8, "maps": 4 * 8, "cost": 0}
