"""What the tests decide, on the page: the same as the tables of the statistics say."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchbench.reports import number_format
from benchbench.reports.html import document
from benchbench.reports.html.finding_files import without_table
from benchbench.reports.html.significance import Decided
from benchbench.reports.leaderboard import summary
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record
from benchbench.stats import QUALITY

from .fake import Fake, fake_record
from .reading import read, words
from .shared import elements_of, html_of, marked_of

SURE = Fake(
    methods=["gradcam", "layercam", "hirescam"],
    samples=[f"s{i}" for i in range(30)],
)


@pytest.fixture(scope="module")
def sure(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Thirty images, on which gradcam deletes best by far, and the other two are the same."""
    record = fake_record(tmp_path_factory.mktemp("sure"), SURE)
    results = record.results.copy()
    hit = (results["metric"] == "deletion") & results["method"].isin(SURE.methods)
    number = results["sample"].str.removeprefix("s").astype("float")
    results.loc[hit, "value"] = 0.4 + 0.001 * number[hit]
    results.loc[hit & (results["method"] == "gradcam"), "value"] -= 0.2
    return replace(record, results=results)


def test_a_matrix_counts_what_the_pairs_say(plain: Record) -> None:
    decided = Decided(marked_of(plain))
    assert len(decided.duels) == 2
    for duel in decided.duels:
        assert "random" not in duel.methods
        for i, first in enumerate(duel.methods):
            assert duel.cells[i][i] is None
            for j, second in enumerate(duel.methods):
                if i == j:
                    continue
                cell, mirrored = duel.cells[i][j], duel.cells[j][i]
                assert cell is not None
                assert mirrored is not None
                assert cell == (mirrored[1], mirrored[0], mirrored[2])
                pairs = duel.rows[
                    ((duel.rows["method"] == first) & (duel.rows["other"] == second))
                    | ((duel.rows["method"] == second) & (duel.rows["other"] == first))
                ]
                sign = pairs["effect"].where(pairs["method"] == first, -pairs["effect"])
                apart = pairs["p_holm"] < 0.05
                assert cell == ((apart & (sign > 0)).sum(), (apart & (sign < 0)).sum(), len(pairs))


def test_planted_differences_are_decided(sure: Record) -> None:
    decided = Decided(marked_of(sure))
    (deletion, _) = [each for each in decided.contests if each.metric.name == "deletion"]
    assert deletion.counts == (2, 0, 1), (
        "gradcam from both; thirty equal images do not show that the others are equivalent"
    )
    assert deletion.images == 30
    matrix = decided.duels[0]
    first, second = matrix.methods.index("gradcam"), matrix.methods.index("layercam")
    cell = matrix.cells[first][second]
    assert cell is not None
    assert cell[0] >= 1
    sentences = [text for text in summary.findings(marked_of(sure)) if text.startswith("Deletion")]
    assert sentences[0].count("2 settings have a significant winner (all others significantly worse).") == 1


def test_every_pair_is_counted_once(plain: Record) -> None:
    marked = marked_of(plain)
    decided = Decided(marked)
    assert sum(sum(each.counts) for each in decided.contests) == len(marked.tested_pairs)
    sentence = summary.quotable(marked)[-1]
    counts = [int(n.replace(",", "")) for n in re.findall(r"[\d,]*\d", sentence)]
    total, significant, alike, open_ = counts[0], *(sum(each.counts[i] for each in decided.contests) for i in range(3))
    assert total == significant + alike + open_ == len(marked.tested_pairs)
    for count, what in ((significant, "are significant"), (alike, "equivalent"), (open_, "inconclusive")):
        assert f" {count:,} {what}" in sentence


def test_the_order_is_the_ranking(sure: Record) -> None:
    marked = marked_of(sure)
    table = marked.verdicts.overall
    page = elements_of(sure)
    (board,) = [t for t in page.all("table") if "Mean rank and strength" in words(t.text)]
    shown = [words(row.all("th")[0].text) for row in board.all("tr") if row.all("td")]
    assert shown == table["method"].tolist()
    sentence = summary.quotable(marked)[1]
    best, rank = table["method"].iloc[0], number_format.fixed(table["rank"].iloc[0], 2)
    assert f"Best overall: {best} (mean rank {rank} of {len(table)}, 95 % CI" in sentence
    assert number_format.fixed(table["rank_low"].iloc[0], 2) in sentence


def test_what_is_left_out_stands_with_the_ranks_of_the_run(plain: Record) -> None:
    decided = Decided(marked_of(plain))
    table = marked_of(plain).verdicts.order().without
    assert decided.without
    titles = {metric.title: metric.name for metric in decided.marked.board.metrics}
    for row in decided.without:
        name = titles[row.name] if row.kind == "metric" else row.name
        rows = table[(table["kind"] == row.kind) & (table["without"] == name)]
        assert dict(row.ranks) == pytest.approx(dict(zip(rows["method"], rows["rank"], strict=True)), nan_ok=True)
        assert set(row.ranks) == {each["method"] for each in decided.order}
    (_, _, files, _) = without_table(decided.without)
    assert [f"rank of {method}" for method in decided.without[0].ranks] == list(files.columns[4:])
    assert files["rank of gradcam"].tolist() == pytest.approx([row.ranks["gradcam"] for row in decided.without])


def test_the_leaderboard_has_the_marks(sure: Record) -> None:
    marked = marked_of(sure)
    page = html_of(sure)
    worse = sum(mark.worse for key, mark in marked.marks.items())
    assert worse
    assert page.count("(significantly worse than the best)") == worse
    quality = {(metric.name, metric.protocol) for metric in marked.board.of()}
    seconds = sum(mark.second for key, mark in marked.marks.items() if key[-2:] in quality)
    assert page.count("(second best)") == seconds > 0


def test_too_few_images_are_said_to_be_inconclusive(tmp_path: Path) -> None:
    """With four images 2 / 2^4 is above 5 %, whatever the values are."""
    record = fake_record(tmp_path, Fake(samples=["a", "b", "c", "d"]))
    loud = " ".join(summary.loud(Marked.of(record).board))
    assert "no paired test of all pairs can be significant, whatever the values" in loud
    paragraphs = summary.quotable(Marked.of(record))
    assert paragraphs[1] == (
        "No method is called best overall: too few images (4; a significant difference takes at least 8)."
    ), "four methods have values, so that there are six pairs"
    assert " 0 are significant" in paragraphs[-1]


def test_one_image_has_no_interval_of_the_order(tmp_path: Path) -> None:
    page = read(document.render(Marked.of(fake_record(tmp_path, Fake(samples=["a"])))))
    (board,) = [t for t in page.all("table") if "Mean rank and strength" in words(t.text)]
    assert not re.search(r"nan|\[|%", words("".join(row.text for row in board.all("tr") if row.all("td"))))


def test_equal_methods_tie(tmp_path: Path) -> None:
    plain = fake_record(tmp_path, Fake())
    results = plain.results.copy()
    scored = (results["status"] == "ok") & results["sample"].notna()
    results.loc[scored, "value"] = 0.5
    marked = Marked.of(replace(plain, results=results))
    sentence = summary.quotable(marked)[1]
    assert "tie for the best mean rank, 2.50, over 10 comparisons" in sentence
    assert "Not clear: gradcam is not significantly different from" in sentence


def test_one_method_has_no_verdict(tmp_path: Path) -> None:
    marked = Marked.of(fake_record(tmp_path, Fake(methods=["gradcam"])))
    assert 'id="verdict"' not in document.render(marked)
    assert len(summary.quotable(marked)) == 1


def test_many_contests_have_no_diagrams(plain: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchbench.reports.html.significance.MOST_NAMES", 9)
    page = document.render(marked_of(plain))
    assert "too many methods, metrics, layers, networks and data for a diagram of each" in page
    assert "Mean ranks 1" not in page


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 %"), (1, "100 %"), (0.004, "< 1 %"), (0.9996, "> 99 %"), (0.5, "50 %"), (0.99, "99 %")]
)
def test_a_share_is_never_rounded_to_none_or_all(value: float, text: str) -> None:
    assert number_format.share(value) == text


def test_quality_alone_is_tested(plain: Record) -> None:
    marked = marked_of(plain)
    assert {each.metric.kind for each in Decided(marked).contests} == {QUALITY}
