"""Footnotes: what holds of several methods is one note, in every format; what differs stays apart."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from rich.console import Console

from benchbench.reports import leaderboard_files as tables
from benchbench.reports.latex import leaderboard as latex
from benchbench.reports.leaderboard.footnotes import Footnote, Gap, over_settings
from benchbench.reports.number_format import first_few
from benchbench.reports.terminal.overview import Overview
from benchbench.results.record import Record

from .fake import CAM_REASON, Fake, fake_record
from .reading import words
from .shared import board_of, html_of, marked_of

MASK = "the image has no mask"
METHODS = ("cam", "gradcam", "gradcam++", "scorecam", "layercam", "xgradcam")
NOTE = f"of 12 images 3 not applicable ({MASK}); the other methods have the same images, so means are comparable"


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """At stage3 three images have no deletion of any method but cam; gradcam++ lacks one more, xgradcam fails twice."""
    record = fake_record(tmp_path_factory.mktemp("masked"), Fake(methods=METHODS, controls=("random",)))
    rows = record.results.copy()
    here = (rows["layer"] == "stage3") & (rows["metric"] == "deletion") & (rows["method"] != "cam")

    def lose(where: object, status: str, reason: str) -> None:
        rows.loc[where, ["value", "status", "reason"]] = [None, status, reason]

    lose(here & rows["sample"].isin(["photo-00", "photo-01", "photo-02"]), "not_applicable", MASK)
    lose(here & (rows["sample"] == "photo-03") & (rows["method"] == "gradcam++"), "not_applicable", MASK)
    also = (rows["layer"] == "stage3") & (rows["metric"] == "insertion") & (rows["method"] == "xgradcam")
    lose(also & rows["sample"].isin(["photo-00", "photo-01"]), "failed", "RuntimeError: no")
    return replace(record, results=rows)


def test_what_holds_of_several_is_said_once(masked: Record) -> None:
    block = board_of(masked).blocks[0]
    texts = [note.text for note in block.footnotes]
    assert f"gradcam, scorecam and 3 more: {NOTE}" in texts
    assert f"cam: not applicable: {CAM_REASON}" in texts
    assert any(text.startswith("gradcam++: of 12 images 4 not applicable") for text in texts)
    assert any(text.startswith("xgradcam: of 12 images 2 failed (RuntimeError: no)") for text in texts)
    assert len(texts) == 4


def test_each_cell_points_to_its_note(masked: Record) -> None:
    block = board_of(masked).blocks[0]
    number = [note.text for note in block.footnotes].index(f"gradcam, scorecam and 3 more: {NOTE}") + 1
    pointing = {row.method for row in block.rows for cell in row.cells if number in cell.notes}
    assert pointing == {"gradcam", "scorecam", "layercam", "xgradcam", "random"}
    for row in block.rows:
        for cell in row.cells:
            incomplete = cell.failed or cell.not_applicable
            assert len(cell.notes) == bool(incomplete)


def test_a_mean_over_other_images_says_so(masked: Record) -> None:
    (note,) = [note for note in board_of(masked).blocks[0].footnotes if note.methods == ("gradcam++",)]
    assert note.text.endswith("the mean is over different images, so it is not comparable and never marked best")


def test_every_format_has_the_merged_note(masked: Record) -> None:
    head = "gradcam, scorecam and 3 more: of 12 images 3 not applicable"
    page = re.sub(r"<script.*?</script>", "", html_of(masked), flags=re.DOTALL)  # LaTeX to save
    assert words(page).count(head) == 1
    assert tables.render_table(marked_of(masked), "markdown").count(head) == 1
    assert latex.render(marked_of(masked)).replace(r"\allowbreak{}", "").count(head) == 1
    console = Console(width=80, record=True)
    console.print(Overview(marked_of(masked), verbose=True))
    assert " ".join(console.export_text().split()).count(head) == 1


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ("a", "a"),
        ("ab", "a and b"),
        ("abc", "a, b and c"),
        ("abcd", "a, b and 2 more"),
        ("abcdefg", "a, b and 5 more"),
    ],
)
def test_the_first_few(names: str, text: str) -> None:
    assert first_few(list(names)) == text


def gap(failed: int, not_applicable: int, reason: str = MASK, *, scored: int = 20, comparable: bool = True) -> Gap:
    lost = Gap.of(scored - failed - not_applicable, failed, not_applicable, reason, comparable=comparable)
    assert lost is not None
    return lost


def test_a_complete_cell_has_no_gap() -> None:
    assert Gap.of(20, 0, 0, "", comparable=True) is None


def test_notes_that_differ_in_the_number_of_images_are_one() -> None:
    """Over settings, each with the number of settings that have it, however many metrics of a setting do."""
    cam, other = ("CAM",), ("Grad-CAM",)
    settings = [
        [Footnote(cam, gap(0, 3)), Footnote(other, gap(0, 3)), Footnote(cam, gap(20, 0, "no memory"))],
        [Footnote(cam, gap(0, 5)), Footnote(cam, gap(0, 4)), Footnote(cam, gap(12, 0, "no memory", scored=12))],
        [Footnote(cam, gap(2, 1)), Footnote(cam, gap(0, 3, comparable=False))],
        [Footnote(cam, gap(4, 1)), Footnote(cam, Gap("not in the results"))],
    ]
    same = "the other methods have the same images, so means are comparable"
    apart = "the mean is over different images, so it is not comparable and never marked best"
    assert over_settings(settings) == [
        f"CAM: of 20 images 3 to 5 not applicable ({MASK}); {same} (2 of 4 settings)",
        f"Grad-CAM: of 20 images 3 not applicable ({MASK}); {same} (1 of 4 settings)",
        "CAM: failed: no memory (2 of 4 settings)",
        f"CAM: of 20 images 2 to 4 failed and 1 not applicable ({MASK}); {same} (2 of 4 settings)",
        f"CAM: of 20 images 3 not applicable ({MASK}); {apart} (1 of 4 settings)",
        "CAM: not in the results (1 of 4 settings)",
    ]


def test_a_note_without_some_of_its_methods() -> None:
    note = Footnote(("CAM", "inverted CAM"), gap(0, 3))
    left = note.without({"inverted CAM"})
    assert left == Footnote(("CAM",), gap(0, 3))
    assert note.without({"CAM", "inverted CAM"}) is None
    assert note.without(()) == note
