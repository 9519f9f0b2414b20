"""The file: what goes in comes out, the same run gives the same bytes, and a spoiled file is one line of an error."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.registry import METRICS, metric
from benchbench.regression import Baseline, check
from benchbench.regression.extract import without_folders
from benchbench.regression.quality_changes import as_record
from benchbench.types import PassCount, Scored, Seen

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


def test_a_study_of_passes_alone_and_a_measure_of_one_s_own(tmp_path: Path) -> None:
    """What reads passes is a cost, whatever family it says; maps are compared though nothing is scored."""

    @metric("own_forwards", needs="passes", higher_is_better=False, protocols={"alone-b1": {}}, range=(0, math.inf))
    def own_forwards(count: PassCount) -> Scored:
        """Forwards alone."""
        return Scored(count.forwards)

    try:
        done = tiny(tmp_path, metrics=["passes", "own_forwards"])
        baseline = Baseline.of(done.record)
        assert {cost.metric for cost in baseline.costs} == {"passes", "own_forwards"}
        assert not baseline.metrics
        summary = check(baseline, baseline).summary
    finally:
        METRICS.remove("own_forwards")
    assert summary == "Nothing changed: 0 scores, 32 maps and 8 costs compared."


@pytest.mark.parametrize("needs", [("passes", "shared"), ("passes", "map"), ("cost", "probes"), ("shared", "map")])
def test_a_metric_of_an_image_and_of_a_cost_is_two_metrics(needs: tuple[str, ...]) -> None:
    with pytest.raises(BenchError, match="Make two metrics of it"):

        @metric("both", needs=needs, higher_is_better=False, protocols={"one": {}})
        def both(seen: Seen) -> Scored:
            """None."""
            return Scored(0.0)


def test_its_scores_are_those_of_the_run_for_the_statistics(run: bb.Run, then: Baseline) -> None:
    run_means = run.leaderboard().query("kind == 'quality'").set_index(["method", "metric"])["mean"]
    images = {("small", "smooth", name) for name in then.samples["small", "smooth"]}
    rows = as_record(then, {cell.key for cell in then.scores}, images).results
    baseline_means = rows[rows["status"] == "ok"].groupby(["method", "metric"])["value"].mean()
    assert len(baseline_means)
    np.testing.assert_allclose(baseline_means, run_means.loc[baseline_means.index], rtol=1e-5)


def test_it_names_no_place_and_no_time(run: bb.Run, then: Baseline) -> None:
    text = then.text()
    assert str(run.folder) not in text
    assert str(Path.home()) not in text
    assert not any(key in text for key in ("started", "seconds", "date"))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("FileNotFoundError: '/home/ann/photos/a b.jpg' is gone", "FileNotFoundError: 'a b.jpg' is gone"),
        (r"cannot read C:\Users\ann\net.pth", "cannot read net.pth"),
        ("layer4/conv1 has 3/4 of 1/2; n/a", "layer4/conv1 has 3/4 of 1/2; n/a"),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
        ("/ and /a", "/ and /a"),
    ],
)
def test_a_reason_keeps_names_of_files_and_not_where_they_lie(text: str, kept: str) -> None:
    assert without_folders(text) == kept


def test_a_run_that_recorded_no_digests_has_no_baseline(run: bb.Run) -> None:
    """What is unknown on both sides is not the same."""
    for part, key in (("models", "state"), ("datasets", "samples"), ("methods", "code"), ("metrics", "code")):
        info = json.loads(json.dumps(run.record.info))
        del info[part][0][key]
        with pytest.raises(BenchError, match=f"does not say '{key}'"):
            Baseline.of(replace(run.record, info=info))


def test_one_thing_a_line(then: Baseline) -> None:
    lines = then.text().splitlines()
    assert max(map(len, lines)) < 3000
    assert sum('"protocol": "rise-28", "values"' in line for line in lines) == 2 * len(METHODS)


SPOILED: dict[str, tuple[Callable[[str], str], str]] = {
    "not JSON": (lambda text: text[:-20], "cannot be read"),
    "no baseline": (lambda text: "[]", "this file is not a baseline"),
    "another version": (lambda text: text.replace('"baseline": 1', '"baseline": 99'), "another version"),
    "a number that is a word": (lambda text: text.replace('"seed": 0', '"seed": "x"'), "seed"),
    "fewer values": (lambda text: _fewer(text), "do not fit the images"),
    "a value that is no number": (lambda text: _edited(text, "scores", values=[math.nan] * 8), "NaN is not a number"),
    "an infinite value": (
        lambda text: re.sub(r'"values": \[[^,]*', '"values": [1e999', text, count=1),
        "is not finite",
    ),
    "a key that nothing reads": (lambda text: text.replace('"seed": 0', '"seed": 0, "sede": 1', 1), "sede is not as"),
    "a number that is text": (lambda text: text.replace('"seed": 0', '"seed": "0"', 1), "seed is not as"),
    "a method that is gone": (lambda text: _edited(text, "methods", name="x"), "the baseline has no method gradcam"),
    "a metric that is gone": (lambda text: _edited(text, "metrics", name="x"), "the baseline has no metric"),
    "a key that is gone": (lambda text: text.replace('"higher_is_better": false, ', "", 1), "higher_is_better"),
    "an image without a mark": (lambda text: _edited(text, "datasets", samples={}), "has no fingerprint"),
    "a line that is there twice": (lambda text: _twice(text), "appears twice"),
    "a time of nothing": (lambda text: _edited(text, "costs", unit="ms", value=0.0), "is not a valid cost"),
    "a shape of nothing": (lambda text: text.replace('"shape": [', '"shape": [0, ', 1), "shape"),
    "half a letter": (lambda text: text.replace('"name": "small"', '"name": "\\ud800"'), "cannot be read"),
    "a deep well": (lambda text: "[" * 100_000, "cannot be read"),
    "a merge that was left": (lambda text: "<<<<<<< HEAD\n" + text, "cannot be read"),
    "cells of another shape": (lambda text: text.replace('"cells": "', '"cells": "AAAA', 1), "does not fit its shape"),
    "cells that are no base64": (lambda text: text.replace('"cells": "', '"cells": "!', 1), "does not fit its shape"),
}


def _edited(text: str, part: str, **keys: object) -> str:
    """With the first line of a part edited by hand."""
    contents = json.loads(text)
    contents[part][0].update(keys)
    return json.dumps(contents)


def _twice(text: str) -> str:
    """As a merge of two branches leaves it."""
    contents = json.loads(text)
    contents["scores"].append(contents["scores"][0])
    return json.dumps(contents)


def _fewer(text: str) -> str:
    contents = json.loads(text)
    contents["scores"][0]["values"].pop()
    return json.dumps(contents)


@pytest.mark.parametrize("kind", SPOILED)
def test_a_spoiled_file(kind: str, then: Baseline, tmp_path: Path) -> None:
    spoil, message = SPOILED[kind]
    path = tmp_path / "baseline.json"
    text = spoil(then.text())
    assert text != then.text()
    path.write_text(text)
    with pytest.raises(BenchError, match=message) as error:
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
        checked = check(
            tiny(tmp_path / "run", batch=batch, metrics=["deletion", "insertion", "average_drop", "increase"]).record,
            then,
            methods=METHODS,
            metrics=["deletion", "insertion", "average_drop", "increase"],
        )
    finally:
        torch.set_num_threads(before)
    assert checked.ok, checked.summary
    assert not [change for change in checked.changes if change.kind != "note"]
    assert checked.counts == {"scores": 4 * 4 * 8, "maps": 4 * 8, "cost": 0}
