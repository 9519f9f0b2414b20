"""Two runs on the same images: what is the same image, what may be compared, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from benchbench.errors import BenchError
from benchbench.results.record import Record
from benchbench.stats import versus

from .planted import FAILED, Values, results


def run(
    values: Values,
    model: str = "net",
    dataset: str = "photos",
    marks: Sequence[str] | None = None,
    parameters: dict[str, Any] | None = None,
    protocol: str = "plain",
) -> Record:
    table = results(values, protocol=protocol, model=model, dataset=dataset)
    samples = list(dict.fromkeys(table["sample"]))
    info = {
        "seed": 0,
        "models": [{"name": model}],
        "datasets": [
            {"name": dataset, "samples": dict(zip(samples, marks or [f"mark {s}" for s in samples], strict=True))}
        ],
        "metrics": [
            {
                "name": "score",
                "protocol": protocol,
                "higher_is_better": True,
                "family": "faithfulness",
                "range": [0, 1],
                "parameters": parameters or {},
            }
        ],
        "methods": [{"name": name, "parameters": {}} for name in values],
    }
    empty = pd.DataFrame()
    return Record(Path("run"), info, table, empty, empty, empty)


BASE = np.random.default_rng(0).uniform(0.2, 0.8, 30)
BETTER = BASE + np.random.default_rng(1).normal(0.05, 0.02, 30)


def test_the_second_run_is_compared_with_the_first() -> None:
    table = versus(run({"cam": BASE, "gradcam": BASE}), run({"cam": BETTER, "gradcam": BASE}))
    cam, gradcam = table.to_dict("records")
    assert (cam["method"], cam["verdict"], cam["n"]) == ("cam", "better", 30)
    assert cam["mean_difference"] == pytest.approx((BETTER - BASE).mean())
    assert cam["mean"] == pytest.approx(BASE.mean())
    assert cam["other_mean"] == pytest.approx(BETTER.mean())
    p = scipy.stats.wilcoxon(BETTER - BASE, method="exact").pvalue
    assert cam["p"] == pytest.approx(p)
    assert cam["p_holm"] == pytest.approx(2 * p), "two cells of one metric"
    assert gradcam["verdict"] == "inconclusive"
    assert gradcam["mean_difference"] == 0
    assert gradcam["high"] == pytest.approx(1 - 0.025 ** (1 / 30)), "30 equal images bound a difference at 12 %"


def test_turning_the_runs_round_turns_the_verdict() -> None:
    forth = versus(run({"cam": BASE}), run({"cam": BETTER})).iloc[0]
    back = versus(run({"cam": BETTER}), run({"cam": BASE})).iloc[0]
    assert (forth["verdict"], back["verdict"]) == ("better", "worse")
    assert forth["mean_difference"] == pytest.approx(-back["mean_difference"])
    assert forth["p"] == back["p"]


def test_an_image_with_other_content_is_another_image() -> None:
    first = run({"cam": BASE})
    marks = [f"mark {i:04d}" if i < 25 else "changed" for i in range(30)]
    row = versus(first, run({"cam": BETTER}, marks=marks)).iloc[0]
    assert row["n"] == 25
    assert row["mean"] == pytest.approx(BASE[:25].mean())
    none = versus(first, run({"cam": BETTER}, marks=["changed"] * 30))
    assert none.empty


def test_other_parameters_are_not_compared() -> None:
    table = versus(run({"cam": BASE}, parameters={"steps": 10}), run({"cam": BETTER}, parameters={"steps": 20}))
    row = table.iloc[0]
    assert row["verdict"] == "incomparable"
    assert row["reason"] == "the metric's parameters differ: steps 10, 20"
    assert np.isnan(row["p_holm"])


def test_another_protocol_is_another_metric() -> None:
    table = versus(run({"cam": BASE}), run({"cam": BETTER}, protocol="other"))
    assert table["reason"].tolist() == ["only the first run has it", "only the second run has it"]
    assert set(table["verdict"]) == {"incomparable"}


def test_what_is_in_one_run_only_is_said_and_corrects_nothing() -> None:
    table = versus(run({"cam": BASE, "old": BASE}), run({"cam": BETTER, "new": BASE}))
    cam, old, new = table.sort_values("method", key=lambda m: m.map({"cam": 0, "old": 1, "new": 2})).to_dict("records")
    assert cam["p_holm"] == cam["p"]
    assert old["reason"] == "only the first run has it"
    assert new["reason"] == "only the second run has it"


def test_the_only_models_are_compared_whatever_they_are_called() -> None:
    table = versus(run({"cam": BASE}, model="before"), run({"cam": BETTER}, model="after"))
    assert table[["model", "other_model", "verdict"]].iloc[0].tolist() == ["before", "after", "better"]
    paired = versus(run({"cam": BASE}, model="before"), run({"cam": BETTER}, model="after"), {"before": "after"})
    pd.testing.assert_frame_equal(table, paired)
    with pytest.raises(BenchError, match="no model is called other"):
        versus(run({"cam": BASE}), run({"cam": BETTER}), {"net": "other"})


def test_runs_on_other_data_cannot_be_compared() -> None:
    with pytest.raises(BenchError, match="no dataset in common"):
        versus(run({"cam": BASE}), run({"cam": BASE}, dataset="mosaics"))


def test_failures_of_the_second_run_are_losses() -> None:
    fails: list[float | str] = [FAILED if i % 2 else float(v) for i, v in enumerate(BASE + 0.005)]
    row = versus(run({"cam": BASE}), run({"cam": fails})).iloc[0]
    assert (row["failed"], row["other_failed"]) == (15, 0)
    assert row["verdict"] == "worse"


def test_other_explained_classes_are_counted() -> None:
    second = run({"cam": BETTER})
    second.results.loc[:3, "target"] = 2
    assert versus(run({"cam": BASE}), second)["other_targets"].tolist() == [4]
