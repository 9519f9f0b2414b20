"""The order of the other methods without a method and with a control: planted reversals, and the order made anew."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from benchbench.stats import Scale, in_order, order_cases, overall, scores, stability_table

from .planted import NOT_APPLICABLE, Values, results

SCALES = {
    ("deletion", "plain"): Scale(True, 0, 1, "faithfulness"),
    ("insertion", "plain"): Scale(True, 0, 1, "faithfulness"),
    ("pointing", "plain"): Scale(True, 0, 1, "localisation"),
}
# a beats b on three images of five; where b beats a, c comes between them.
BETWEEN: Values = {"a": [0.9] * 3 + [0.1] * 2, "b": [0.5] * 3 + [0.9] * 2, "c": [0.1] * 3 + [0.5] * 2}


def cases(*parts: pd.DataFrame, controls: tuple[str, ...] = ()) -> pd.DataFrame:
    compared = in_order(list(scores(pd.concat(parts), SCALES, controls)))
    return stability_table(order_cases(compared, controls))


def test_a_method_that_comes_between_two_others_reverses_them() -> None:
    """With c, b has a mean rank of 1.6 and a of 1.8; without it, a has 1.4 and b 1.6."""
    table = cases(results(BETWEEN, "deletion"))
    assert table["change"].tolist() == ["without"] * 3
    assert table.set_index("method")["swapped"].to_dict() == {"a": "", "b": "", "c": "a before b"}
    assert table.set_index("method")["winner"].to_dict() == {"a": "b", "b": "a", "c": "a"}
    assert table["stays"].tolist() == [True, True, False]
    assert table["reversed"].tolist() == [0, 0, 1]
    assert table["pairs"].tolist() == [1, 1, 1]


def test_the_same_as_a_control_reverses_them_when_it_is_added() -> None:
    table = cases(results(BETWEEN, "deletion"), controls=("c",))
    assert table[["change", "method", "swapped", "winner"]].to_numpy().tolist() == [["with", "c", "b before a", "b"]]


def test_a_control_that_loses_everywhere_moves_nobody() -> None:
    """A rival that everybody beats adds the same to all mean ranks: nothing."""
    lost: Values = {**BETWEEN, "zero": [0.0] * 5}
    table = cases(results(lost, "deletion"), controls=("zero",)).set_index(["change", "method"])
    assert table.loc[("with", "zero"), "stays"]
    assert table.loc[("with", "zero"), "pairs"] == 3


def test_a_tie_is_no_reversal() -> None:
    """Without c, a and b tie at 1.5; with it, b is ahead."""
    tie: Values = {"a": [0.9, 0.1], "b": [0.5, 0.9], "c": [0.1, 0.5]}
    assert cases(results(tie, "deletion"))["stays"].all()


def test_one_method_or_none_has_no_case() -> None:
    assert cases(results({"a": [0.5], "b": [0.4]}, "deletion")).empty
    assert order_cases([]) == ()


def test_each_case_is_the_order_of_results_without_the_method_or_with_the_control() -> None:
    draw = np.random.default_rng(4)
    parts = [
        results({name: draw.choice([0.1, 0.3, 0.5, 0.7], size=4) for name in "abcdr"}, metric, model=model)
        for metric, _ in SCALES
        for model in ("net", "other")
    ]
    parts[1]["status"] = parts[1]["status"].where(parts[1]["method"] != "b", NOT_APPLICABLE)
    rows, table = pd.concat(parts), cases(*parts, controls=("r",))

    def ranks(listed: str) -> dict[str, float]:
        ordered = overall(rows[rows["method"].isin(list(listed))], SCALES, resamples=2)
        return {str(name): round(rank, 2) for name, rank in zip(ordered["method"], ordered["rank"], strict=True)}

    whole, reversals = ranks("abcd"), 0
    for change, method, counted in table[["change", "method", "reversed"]].itertuples(index=False, name=None):
        after = ranks("abcd".replace(method, "") if change == "without" else "abcdr")
        rest = [name for name in "abcd" if name != method]
        expected = sum((whole[a] - whole[b]) * (after[a] - after[b]) < 0 for a, b in combinations(rest, 2))
        assert counted == expected
        reversals += expected
    assert len(table) == 5
    assert reversals, "the draw reverses something, so that the test can fail"
