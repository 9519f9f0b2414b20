"""The report's tables of orders and places under several scores, with their files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from torch import Tensor

import benchbench as bb

from ..networks import Pooled, seeded
from .shared import board_of, downloads_of, html_of


@pytest.fixture(scope="module")
def run(images: Tensor, tmp_path_factory: pytest.TempPathFactory) -> bb.Run:
    study = bb.Study(
        models={"net": seeded(Pooled)},
        datasets={"data": images[:4, :, ::2, ::2].contiguous()},
        layers=["relu"],
        methods=["gradcam", "layercam", {"name": "xgradcam", "as": "mine"}],
        metrics=["average_drop"],
        score=["logit", "probability", "contrast"],
    )
    return study.run(tmp_path_factory.mktemp("scores"), report=False)


def test_the_section_and_its_files(run: bb.Run) -> None:
    page, files = html_of(run.record), downloads_of(run.record)
    section = page[page.index('id="scores"') : page.index("</section>", page.index('id="scores"'))]
    assert '<a href="#scores">Explained scores</a>' in page
    places = run.score_places()
    for name, method in (("Grad-CAM", "gradcam"), ("Layer-CAM", "layercam"), ("mine", "mine")):
        mine = places[places["method"] == method]["place"].tolist()
        assert f"<bdi>{name}</bdi>" in section
        assert " \u00b7 ".join(map(str, mine)) in section
    assert "probability (3 methods)" in section
    for tau in run.score_agreement()["tau"]:
        assert f"<td>{tau:.2f}</td>".replace("-", "\u2212") in section.replace("<td>-", "<td>\u2212")
    assert files["scores-1"]["csv"].splitlines()[0].endswith("score,reference,methods,tau")
    assert files["places-1"]["csv"].count("\n") == 1 + 9
    assert "\\begin{tabular}" in files["scores-1"]["tex"] or "\\begin{longtable}" in files["scores-1"]["tex"]
    assert files["scores-1"]["name"] == "benchbench-scores-net-data-relu"


def test_display_names_are_those_of_the_score(run: bb.Run) -> None:
    board: pd.DataFrame = board_of(run.record).tidy
    assert {"Grad-CAM", "Grad-CAM (probability)", "Layer-CAM (contrast)", "mine (contrast)"} <= set(board["method"])


def test_a_run_under_one_score_has_no_section(images: Tensor, tmp_path: Path) -> None:
    study = bb.Study(models={"n": seeded(Pooled)}, datasets={"d": images[:2]}, methods=["cam"], metrics=["sparseness"])
    assert 'id="scores"' not in html_of(study.run(tmp_path, report=False).record)
