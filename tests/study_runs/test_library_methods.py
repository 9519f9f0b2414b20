"""Other libraries' methods in a study: run, cost, notes, report; and what a spoiled copy does to the others' maps."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import benchbench as bb
from benchbench.api.run import Run
from benchbench.network.lent_network import CHANGED_VALUES
from benchbench.registry import method
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard.summary import loud
from benchbench.types import Layer

from ..narrow import narrow

METHODS = ["gradcam", "torchcam:GradCAM", "pytorch-grad-cam:GradCAMPlusPlus", "captum:Saliency"]


def study(images: Tensor, methods: list[str]) -> bb.Study:
    return bb.Study(
        models={"net": narrow("resnet18", 5)},
        datasets={"val": (images[:3], [0, 1, 2])},
        layers=["layer4"],
        methods=methods,
        metrics=["deletion", "passes"],
    )


@pytest.fixture(scope="module")
def run(images: Tensor, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return study(images, METHODS).run(tmp_path_factory.mktemp("libraries") / "run")


def test_every_row_has_its_value(run: Run) -> None:
    assert set(run.table["status"]) == {"ok"}
    places = run.table.groupby("method")["layer"].unique()
    assert list(places["captum:Saliency"]) == ["input image"]
    assert list(places["torchcam:GradCAM"]) == ["layer4"]


def test_equal_maps_have_equal_scores(run: Run) -> None:
    rows = run.table[run.table["metric"] == "deletion"]
    values = {name: group["value"].to_numpy() for name, group in rows.groupby("method")}
    assert np.allclose(values["gradcam"], values["torchcam:GradCAM"], atol=1e-6)
    assert not np.allclose(values["gradcam"], values["captum:Saliency"], atol=1e-3)


def test_a_librarys_cost_is_its_own_passes_alone(run: Run) -> None:
    """The study's own forward is not in it, as the library has no use for it."""
    rows = run.table[run.table["metric"].isin(["passes.forward", "passes.backward"])]
    assert {name: set(group["value"]) for name, group in rows.groupby("method")} == {name: {1.0} for name in METHODS}


def test_what_it_leaves_behind_and_its_known_fault_are_warnings(run: Run) -> None:
    info = json.loads((run.folder / "run.json").read_text())
    version = importlib.metadata.version("grad-cam")
    fault = f"pytorch-grad-cam GradCAMPlusPlus: in {version} it adds an epsilon of 1e-6 to the denominator"
    left = "pytorch-grad-cam GradCAMPlusPlus leaves in net (3 of 3 maps): gradients of the weights (.grad)"
    assert [any(warning.startswith(start) for warning in info["warnings"]) for start in (fault, left)] == [True, True]
    assert not any("torch-cam GradCAM" in warning for warning in info["warnings"])
    about = {entry["name"]: entry for entry in info["methods"]}
    assert about["torchcam:GradCAM"]["library"].startswith("torch-cam ")
    assert "library" not in about["gradcam"]
    assert "epsilon of 1e-6" in about["pytorch-grad-cam:GradCAMPlusPlus"]["note"]


def test_the_report_says_it_too(run: Run) -> None:
    page = Path(run.report()).read_text()
    assert "torch-cam GradCAM" in page
    assert "gradients of the weights (.grad)" in page
    assert "an epsilon of 1e-6" in page
    assert "pytorch-grad-cam GradCAMPlusPlus: known fault: in " in page


def test_the_footnote_stands_in_for_the_very_warning_of_the_run(run: Run) -> None:
    """The run words the warning, and the report leaves it out where a footnote has it: they must agree."""
    board = Marked.of(run.record).board
    left = set(loud(board)) - set(loud(board, board.footnoted))
    assert len(left) == 1
    assert left.pop().startswith("pytorch-grad-cam GradCAMPlusPlus: in ")


def test_a_second_run_computes_nothing(run: Run, images: Tensor) -> None:
    study(images, METHODS).run(run.folder)
    info = json.loads((run.folder / "run.json").read_text())
    assert info["work"]["cells_computed"] == 0
    assert any("leaves in net (3 of 3 maps)" in warning for warning in info["warnings"])


@pytest.mark.usefixtures("planted")
def test_changed_weights_spoil_no_other_images_map(images: Tensor, tmp_path: Path) -> None:
    """The library writes past the version counter: each image is explained again by a clean copy."""

    @method("spoils", needs="original", paper="none")
    def spoils(layer: Layer) -> Tensor:
        """The logit as a map; then it changes a weight."""
        maps = []
        for i in range(len(layer.images)):
            with layer.borrow(i) as call, torch.no_grad():
                maps.append(call.network(call.images).gather(1, call.targets[:, None])[..., None].expand(1, 2, 2))
                next(call.network.parameters()).data.add_(1)
        return torch.cat(maps)

    @method("keeps", needs="activation", paper="none")
    def keeps(layer: Layer) -> Tensor:
        """The logit as a map."""
        return layer.logits.gather(1, layer.targets[:, None])[..., None].expand(-1, 2, 2)

    spoiled = study(images, ["spoils", "keeps"]).run(tmp_path / "run")
    maps = [spoiled.maps(method=name, layer="layer4").stack() for name in ("spoils", "keeps")]
    assert np.allclose(maps[0], maps[1], atol=1e-5)
    assert any(
        CHANGED_VALUES in warning for warning in json.loads((spoiled.folder / "run.json").read_text())["warnings"]
    )
