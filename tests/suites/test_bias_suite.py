"""``--suite bias`` on networks of the package: shares and reliance again by hand, controls that fail, the oracle."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import benchbench as bb
from benchbench.datasets.builtin.cued import Cued, cued
from benchbench.errors import BenchError
from benchbench.maps.normalise import saliency
from benchbench.models.bias_networks import bias_network
from benchbench.results.suite_answer import SuiteAnswer
from benchbench.suites.bias.cue_data import CuePair, cue_pair
from benchbench.suites.bias.cue_shares import TRUTH, _chance, cue_share
from benchbench.suites.bias.verdicts import MAIN, extremes
from benchbench.suites.bias.words import passes_all

from ..cli.commands import benchbench

NETWORKS = [f"bias_{name}" for name in ("50_0", "60_0", "60_1", "70_1", "80_1", "90_0", "90_1", "100_0")]
METHODS = ["gradcam", "mean-activation", "center", "random", "uniform"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> bb.Run:
    folder = tmp_path_factory.mktemp("bias") / "run"
    study = bb.Study(suite="bias", models=NETWORKS, methods=METHODS, samples=8)
    return study.run(folder, report=False)


@pytest.fixture(scope="module")
def answer(run: bb.Run) -> SuiteAnswer:
    suite_answer = run.answer()
    assert suite_answer is not None
    return suite_answer


def cell(answer: SuiteAnswer, method: str, question: str) -> dict[str, Any]:
    rows = answer.verdicts
    row = rows[(rows["method"] == method) & (rows["question"] == question)].iloc[0].to_dict()
    return {str(key): value for key, value in row.items()}


def shares(answer: SuiteAnswer) -> pd.DataFrame:
    return next(table for table in answer.tables if table.name == "shares").rows


def test_reliance_is_the_change_that_the_swap_makes(answer: SuiteAnswer, run: bb.Run) -> None:
    """Of two networks, by hand: both pictures through the network, the class that it predicts."""
    data = cued()
    samples = run.record.photos["sample"].unique()
    for name, spec in (("bias_70_1", bias_network(0.7, 1)), ("bias_50_0", bias_network(0.5, 0))):
        changes = []
        for sample in samples:
            index = list(data.ids).index(sample)
            pictures = [np.array(each.image) for each in (data[index], data.cue_twin(index))]
            inputs = torch.stack([torch.from_numpy(p).permute(2, 0, 1).float() / 255 for p in pictures])
            with torch.no_grad():
                scores = spec.network((inputs - 0.5) / 0.25).softmax(1)
            before, after = scores[:, scores[0].argmax()].tolist()
            changes.append(before - after)
        rows = shares(answer)
        row = rows[(rows["model"] == name) & (rows["method"] == "gradcam")].iloc[0]
        assert row["n"] == len(samples) == 8
        assert row["reliance"] == pytest.approx(np.abs(changes).mean(), abs=1e-5)
        assert row["signed"] == pytest.approx(np.mean(changes), abs=1e-5)


def test_the_share_is_that_of_the_energy_pointing_game(answer: SuiteAnswer, run: bb.Run) -> None:
    """The metric of the run, whose mask is the cue, gives the same number by other code."""
    rows = run.record.results
    rows = rows[(rows["metric"] == "energy_pointing_game") & rows["dataset"].str.endswith("predicted")]
    metric = rows[rows["status"] == "ok"].groupby(["model", "method"])["value"].mean()
    for row in shares(answer).query("method == 'gradcam' or method == 'center'").to_dict("records"):
        assert row["share"] == pytest.approx(metric[row["model"], row["method"]], abs=1e-5)
        assert row["excess"] == pytest.approx(row["share"] - (10 / 64) ** 2)


def test_no_control_passes_and_the_oracle_does(answer: SuiteAnswer) -> None:
    verdicts = answer.verdicts
    for control in ("center", "random", "uniform"):
        rows = verdicts[(verdicts["method"] == control) & verdicts["question"].isin([q.name for q in MAIN])]
        assert rows["passes"].eq(False).all()
    assert not passes_all(verdicts, "mean-activation")  # it follows reliance, and is blind for the class
    blind = cell(answer, "mean-activation", "depends-on-the-class")
    assert (blind["score"], blind["passes"]) == (0.0, False)
    assert passes_all(verdicts, TRUTH)
    assert cell(answer, "gradcam", "depends-on-the-class")["score"] > 0.1
    assert not any(passes_all(verdicts, control) for control in ("center", "random", "uniform"))


def test_the_oracle_has_the_reliance_as_its_share(answer: SuiteAnswer) -> None:
    rows = shares(answer)[shares(answer)["method"] == TRUTH]
    wanted = (rows["reliance"] + rows["signed"]) / 2  # the mean of what the cue adds: the positive part of the change
    assert np.allclose(rows["share"], wanted, atol=1e-6)


def test_the_answer_has_its_parts(answer: SuiteAnswer) -> None:
    assert "8 networks" in answer.sentence
    assert "Grad-CAM" in answer.sentence
    assert "None of the 4 controls passes all of “Tracks reliance”" in " ".join(answer.findings)
    assert "gradcam" not in " ".join([answer.sentence, *answer.findings, *answer.notes])
    reason = cell(answer, "gradcam", "sees-repair")["reason"]
    assert reason == "Cue ResNet 1, seed 0 less Cue ResNet 0.5, seed 0"
    networks = answer.tables[0].rows
    assert list(networks["rho"]) == [0.5, 0.6, 0.6, 0.7, 0.8, 0.9, 0.9, 1.0]
    assert networks["reliance"].is_monotonic_increasing
    assert list(networks["network"])[:2] == ["Cue ResNet 0.5, seed 0", "Cue ResNet 0.6, seed 0"]
    assert networks["accuracy"].between(0, 1).all()
    assert set(METHODS) < set(networks.columns)
    picture = Image.open(io.BytesIO(answer.pictures[0].png))
    assert picture.format == "PNG"
    assert picture.width > picture.height / 2
    assert "Cue ResNet 1, seed 0" in answer.pictures[0].caption
    assert extremes(shares(answer).query("method == 'gradcam'")) == ("bias_100_0", "bias_50_0")


class Ours:
    """Data of a user: noise with a bright corner as the cue, which the twin darkens."""

    name = "ours"
    about: ClassVar[dict[str, str]] = {}
    ids: ClassVar[list[str]] = [f"image-{i}" for i in range(6)]

    def __init__(self, *, size: int = 32) -> None:
        self.size = size
        self.images = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        self.images[:, :, :8, :8] = 3.0

    def __getitem__(self, index: int) -> bb.Sample:
        return bb.Sample(self.ids[index], self.images[index], label=index % 2)

    def fingerprint(self, index: int) -> str:
        return str(index)

    def cue_mask(self, index: int) -> Tensor:
        mask = torch.zeros(self.size, self.size, dtype=torch.bool)
        mask[:8, :8] = True
        return mask

    def cue_twin(self, index: int) -> bb.Sample:
        twin = self.images[index].clone()
        twin[:, :8, :8] = -3.0
        return bb.Sample(f"{self.ids[index]}/swapped", twin, label=index % 2)


class Reads(nn.Module):
    """One channel is the brightness of a patch, one its darkness; the classes are their means, times a strength.

    A bright corner of 8 x 8 in noise raises the first mean to 0.66, a dark one the second to 0.19.
    """

    def __init__(self, strength: float) -> None:
        super().__init__()
        self.conv, self.relu, self.fc = nn.Conv2d(3, 2, 4, 4, bias=False), nn.ReLU(), nn.Linear(2, 2)
        with torch.no_grad():
            self.conv.weight[0], self.conv.weight[1] = 1 / 48, -1 / 48
            self.fc.weight.copy_(strength * torch.eye(2))
            self.fc.bias.copy_(strength * torch.tensor([-0.47, 0.0]))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.relu(self.conv(images)).mean((2, 3)))
        return logits


def pair() -> dict[str, nn.Module]:
    """A network that reads the corner, and one that is unsure whatever it reads, and whose map is constant."""
    return {"biased": Reads(20).eval(), "repaired": Reads(-0.01).eval()}


def ours(data: Any, folder: Path, **more: Any) -> SuiteAnswer:
    keys = {"methods": ["gradcam", "random"], "metrics": ["sparseness"], "layers": ["relu"], "samples": 6} | more
    study = bb.Study(**{"suite": "bias", "models": pair(), "datasets": {"ours": data}, **keys})
    suite_answer = study.run(folder, report=False).answer()
    assert suite_answer is not None
    return suite_answer


def test_a_pair_of_one_s_own_is_judged(tmp_path: Path) -> None:
    """Two networks have no interval over networks; the repair is judged on images, and no object means no oracle."""
    suite_answer = ours(Ours(), tmp_path / "run")
    assert cell(suite_answer, "gradcam", "tracks-reliance")["reason"] == "2 networks are too few for an interval"
    assert pd.isna(cell(suite_answer, "gradcam", "tracks-reliance")["passes"])
    assert cell(suite_answer, "gradcam", "sees-repair")["n"] == 6
    assert cell(suite_answer, "gradcam", "sees-repair")["reason"] == "biased less repaired"
    assert (
        cell(suite_answer, "random", "sees-repair")["passes"] is np.False_
        or not cell(suite_answer, "random", "sees-repair")["passes"]
    )
    assert "object_mask" in cell(suite_answer, TRUTH, "sees-repair")["reason"]
    reliance = shares(suite_answer).query("method == 'gradcam'").set_index("model")["reliance"]
    assert reliance["biased"] > 0.9
    assert reliance["repaired"] < 0.01
    assert "rho" in suite_answer.tables[0].rows.columns
    assert suite_answer.tables[0].rows["rho"].isna().all()


PLUGIN = """
import benchbench as bb
from tests.suites.test_bias_suite import Ours, Reads

@bb.dataset("wards")
def wards():
    \"\"\"Data of a user.\"\"\"
    return Ours()

def biased():
    return Reads(20).eval()

def repaired():
    return Reads(-0.01).eval()
"""


@pytest.mark.usefixtures("planted")
def test_a_pair_is_judged_from_the_command_line(tmp_path: Path) -> None:
    file, out = tmp_path / "wards.py", tmp_path / "run"
    file.write_text(PLUGIN)
    chosen = ["--models", f"{file}:biased,{file}:repaired", "--plugin", str(file), "--datasets", "wards"]
    quick = ["--layers", "relu", "--methods", "gradcam", "--metrics", "sparseness", "--samples", "4", "--no-report"]
    done = benchbench("run", "--suite", "bias", *chosen, *quick, "--out", out, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    suite_answer = bb.Run.load(out).answer()
    assert suite_answer is not None
    assert cell(suite_answer, "gradcam", "sees-repair")["score"] > 0.2


def test_a_run_of_one_class_cannot_tell_for_from_against(tmp_path: Path) -> None:
    suite_answer = ours(Ours(), tmp_path / "run", target="predicted")
    assert "top-2" in cell(suite_answer, "gradcam", "depends-on-the-class")["reason"]


def test_data_without_twins_are_refused(tmp_path: Path) -> None:
    images = (torch.rand(4, 3, 32, 32), [0, 1, 0, 1])
    with pytest.raises(BenchError, match=r"no cue_mask\(i\) and no cue_twin\(i\)") as error:
        ours(images, tmp_path / "run")
    assert "cue_twin(i): a Sample" in error.value.hint


def test_masks_of_another_size_leave_no_image(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no image can be used: .*a mask is \(16, 16\) and the image \(32, 32\)"):
        ours(Ours(size=16), tmp_path / "run")


def test_the_cuts_must_be_apart(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"unbiased is 0\.3 and biased 0\.2"):
        ours(Ours(), tmp_path / "run", suite={"name": "bias", "biased": 0.2, "unbiased": 0.3})


@pytest.mark.parametrize("size", [8, 32])
def test_noise_stays_below_the_chance_in_nineteen_of_twenty(size: int) -> None:
    """Of maps coarser than the image, and of its own size, where the quantile is a formula."""
    cue = torch.zeros(32, 32, dtype=torch.bool)
    cue[4:12, 20:28] = True
    image = torch.zeros(3, 32, 32)
    chance = _chance(CuePair(image, image, cue, None, None), torch.Size((size, size)), "seed")
    noise = torch.rand(600, size, size, generator=torch.Generator().manual_seed(0))
    below = [cue_share(heights, cue) <= chance for heights in saliency(noise, (32, 32))]
    assert 0.9 < np.mean(below) < 0.985


def test_a_map_without_mass_has_the_area_of_the_cue() -> None:
    cue = torch.tensor([[True, False], [False, False]])
    assert cue_share(torch.zeros(2, 2), cue) == 0.25
    assert cue_share(torch.tensor([[3.0, 1.0], [0.0, 0.0]]), cue) == 0.75


def test_a_twin_of_another_size_is_left_out() -> None:
    class Smaller(Cued):
        def cue_twin(self, index: int) -> bb.Sample:
            return bb.Sample("t", torch.zeros(3, 8, 8))

    data = Smaller("cued", "test/0", 2, 64, 0.5)
    with pytest.raises(BenchError, match="the twin is"):
        cue_pair(data, data, 0, bb.Preprocess(resize=64, crop=64, mean=(0.5,) * 3, std=(0.25,) * 3))
