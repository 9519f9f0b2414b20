"""The scores behind a metric's reliability, against the same made by hand; and the study of metrics as a whole."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

import benchbench as bb
from benchbench.cli.app import app
from benchbench.containment.network_watch import state_of
from benchbench.errors import BenchError
from benchbench.network.randomise import with_noisy_weights
from benchbench.registry import method as registered_method
from benchbench.registry import metric
from benchbench.seeds import sample_seeds
from benchbench.stats.metric_reliability import levels_of
from benchbench.suites.reliability.disturbances import FIRST, Disturbance, Disturbances, disturb
from benchbench.suites.reliability.levels import CONTROLS, LEVELS, with_levels
from benchbench.types import Layer, Scored, Seen
from benchbench.types.views import NoisyWeights

from ..helpers import map_of, normalised
from ..networks import Pooled, seeded

METHODS = ["gradcam", "layercam"]
METRICS = ["average_drop", "sparseness", "noise_stability", "energy_pointing_game", "runtime"]
SIZES = Disturbances(draws=2, input=(0.001, 20.0), weights=(0.001, 2.0))
FEWEST_LEVELS = (0.0, 0.5, 1.0)  # where no test looks at the levels


def study(images: Tensor, **keys: Any) -> bb.Study:
    unseen = torch.zeros(len(images), *images.shape[2:], dtype=torch.bool)
    defaults = {
        "models": {"net": seeded(Pooled)},
        "datasets": {"data": (images, [0] * len(images), unseen)},
        "layers": ["relu"],
    }
    return bb.Study(**{**defaults, "methods": METHODS, "metrics": METRICS, **keys})


@pytest.fixture(scope="module")
def run(images: Tensor, tmp_path_factory: pytest.TempPathFactory) -> bb.Run:
    return study(images).reliability(tmp_path_factory.mktemp("run"), disturbances=SIZES)


@pytest.fixture(scope="module")
def trials(run: bb.Run) -> pd.DataFrame:
    return pd.read_parquet(run.folder / "reliability.parquet")


def drop(network: nn.Module, images: Tensor, maps: Tensor, targets: Tensor) -> Tensor:
    """Average drop of each image in [0, 1], by hand: the map up, min-max, times the image."""
    height = normalised(torch.nn.functional.interpolate(maps[:, None], images.shape[2:], mode="bilinear")[:, 0])
    with torch.no_grad():
        p, q = (network(x).softmax(1).gather(1, targets[:, None])[:, 0] for x in (images, images * height[:, None]))
    lost: Tensor = (p - q).clamp_min(0) / p
    return lost


def noise(images: Tensor, draw: int) -> Tensor:
    """Uniform in [-1, 1], by image and draw, as the engine's views have it; the images are not of a photograph."""
    import hashlib

    patterns = []
    for seed in sample_seeds(0, "probes", [f"{i:04}" for i in range(len(images))]):
        text = f"{seed}/uniform noise/{FIRST + draw}"
        noise_seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
        patterns.append(2 * torch.rand(images.shape[1:], generator=torch.Generator().manual_seed(noise_seed)) - 1)
    return torch.stack(patterns)


STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]


def values(trials: pd.DataFrame, method: str, metric: str, **which: Any) -> pd.DataFrame:
    rows = trials[(trials["method"] == method) & (trials["metric"] == metric)]
    for key, value in which.items():
        rows = rows[rows[key] == value]
    return rows.sort_values("sample")


@pytest.mark.parametrize("strength", ["minor", "disruptive"])
@pytest.mark.parametrize("draw", [0, 1])
@pytest.mark.parametrize("method", METHODS)
def test_noise_on_the_input_leaves_the_map(
    strength: str, draw: int, method: str, images: Tensor, trials: pd.DataFrame
) -> None:
    network = seeded(Pooled)
    targets = network(images).argmax(1)
    shown = images + noise(images, draw) * dict(zip(("minor", "disruptive"), SIZES.input, strict=True))[strength] / STD
    expected = drop(network, shown, map_of(method, network, images, "relu"), targets)
    rows = values(trials, method, "average_drop", on="input", strength=strength, draw=draw)
    np.testing.assert_allclose(rows["value"], expected, atol=2e-5)
    assert rows["kept"].tolist() == (network(shown).argmax(1) == targets).tolist()


@pytest.mark.parametrize("strength", ["minor", "disruptive"])
@pytest.mark.parametrize("draw", [0, 1])
@pytest.mark.parametrize("method", METHODS)
def test_noise_on_the_weights_explains_anew(
    strength: str, draw: int, method: str, images: Tensor, trials: pd.DataFrame
) -> None:
    targets = seeded(Pooled)(images).argmax(1)
    size = dict(zip(("minor", "disruptive"), SIZES.weights, strict=True))[strength]
    network = with_noisy_weights(seeded(Pooled), NoisyWeights(draw, size), 0)
    rows = values(trials, method, "average_drop", on="weights", strength=strength, draw=draw)
    expected = drop(network, images, map_of(method, network, images, "relu", targets), targets)
    np.testing.assert_allclose(rows["value"], expected, atol=2e-5)
    assert rows["kept"].tolist() == (network(images).argmax(1) == targets).tolist()


def test_a_metric_of_the_map_alone_never_moves_with_the_input(run: bb.Run, trials: pd.DataFrame) -> None:
    before = run.table[(run.table["metric"] == "sparseness") & (run.table["method"] == "gradcam")].sort_values("sample")
    for draw in range(2):
        rows = values(trials, "gradcam", "sparseness", on="input", strength="disruptive", draw=draw)
        assert rows["value"].tolist() == before["value"].tolist()
    moved = values(trials, "gradcam", "sparseness", on="weights", strength="disruptive", draw=0)
    assert (moved["value"].to_numpy() != before["value"].to_numpy()).any()


def test_what_is_asked_again_is_asked_of_the_noisy_image(images: Tensor, trials: pd.DataFrame, tmp_path: Path) -> None:
    """The same as a study of the noisy images, where they explain the same classes."""
    targets = seeded(Pooled)(images).argmax(1)
    shown = images + noise(images, 0) * SIZES.input[0] / STD
    other = study(shown, metrics=["noise_stability"], target="predicted").run(tmp_path, report=False).table
    assert other.drop_duplicates("sample").sort_values("sample")["target"].tolist() == targets.tolist()
    for method in METHODS:
        expected = other[(other["method"] == method) & (other["metric"] == "noise_stability")].sort_values("sample")
        rows = values(trials, method, "noise_stability", on="input", strength="minor", draw=0)
        np.testing.assert_allclose(rows["value"], expected["value"], atol=1e-5)


def test_every_row_is_there_with_its_reason(trials: pd.DataFrame, images: Tensor) -> None:
    assert set(trials["method"]) == set(METHODS), "controls are not disturbed"
    assert set(trials["metric"]) == set(METRICS) - {"runtime"}
    assert len(trials) == 2 * 2 * 2 * len(METHODS) * 4 * len(images)
    lacking = trials[trials["metric"] == "energy_pointing_game"]
    assert set(lacking["status"]) == {"not_applicable"}
    assert set(lacking["reason"]) == {"the image's mask is empty"}
    assert trials.groupby(["on", "strength", "draw", "sample"])["kept"].nunique().eq(1).all()


def test_the_study_holds_levels_and_controls(run: bb.Run) -> None:
    levels = levels_of(run.record.info)
    assert {levels[name] for name in levels} == {(of, share) for of in METHODS for share in LEVELS}
    assert {*METHODS, *CONTROLS, *levels} == {m["name"] for m in run.record.info["methods"]}
    assert "runtime" not in set(run.table["metric"])
    decay = run.decay()
    assert decay["of"].tolist()[:3] == [*METHODS, ""]
    assert (decay["levels"] == len(LEVELS)).all()
    rows = run.table[(run.table["metric"] == "average_drop") & run.table["method"].isin(levels)]
    assert len(rows) == 2 * len(LEVELS) * 6


def test_the_table_has_every_metric(run: bb.Run) -> None:
    table = run.reliability()
    assert table["metric"].tolist() == ["average_drop", "sparseness", "noise_stability", "energy_pointing_game"]
    mask = table[table["metric"] == "energy_pointing_game"].iloc[0]
    assert mask["reason"] == "input: the image's mask is empty; weights: the image's mask is empty"
    assert (run.folder / "tables" / "reliability.csv").read_text().count("\n") == 1 + len(table)
    page = (run.folder / "tables" / "reliability.md").read_text()
    assert "energy\\_pointing\\_game@rise" not in page
    assert "the image's mask is empty" in page


def test_batch_and_resume_change_nothing(images: Tensor, trials: pd.DataFrame, tmp_path: Path) -> None:
    again = study(images, batch=2).reliability(tmp_path, disturbances=SIZES, levels=FEWEST_LEVELS)
    repeated = pd.read_parquet(again.folder / "reliability.parquet")
    pd.testing.assert_frame_equal(repeated.drop(columns="value"), trials.drop(columns="value"))
    np.testing.assert_allclose(repeated["value"], trials["value"], atol=1e-5)
    extended = with_levels(study(images, batch=2), FEWEST_LEVELS)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()}
    disturb(extended, tmp_path, SIZES)
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()} == before
    pd.testing.assert_frame_equal(pd.read_parquet(again.folder / "reliability.parquet"), repeated)


def test_a_threshold_is_chosen_among_the_disturbed(images: Tensor, tmp_path: Path) -> None:
    """A metric that is made across images has values there too."""
    small = images[:, :, ::2, ::2]
    masks = torch.zeros(6, 32, 32, dtype=torch.bool)
    masks[:, 5:20, 10:25] = True
    samples = [bb.Sample(f"{i:04}", small[i], i, masks[i]) for i in range(6)]

    class Masked:
        name, about = "masked", {"what": "made"}
        ids = [sample.id for sample in samples]  # noqa: RUF012

        def __getitem__(self, index: int) -> bb.Sample:
            return samples[index]

        def fingerprint(self, index: int) -> str:
            return str(index)

    box_study = study(images, datasets={"data": Masked()}, methods=["gradcam"], metrics=["max_box_acc"])
    box_study.reliability(tmp_path, disturbances=Disturbances(1), levels=FEWEST_LEVELS)
    rows = pd.read_parquet(tmp_path / "reliability.parquet")
    assert (rows["status"] == "ok").any()
    assert rows.loc[rows["status"] == "ok", "value"].isin([0, 1]).all()


def test_a_network_that_does_not_copy_has_no_noisy_weights(images: Tensor, tmp_path: Path) -> None:
    network = seeded(Pooled)
    network.kept = (x for x in "generators do not copy")  # type: ignore[assignment]
    done = study(images, models={"net": network}, metrics=["average_drop"])
    run = done.reliability(tmp_path, disturbances=Disturbances(1), levels=FEWEST_LEVELS)
    rows = pd.read_parquet(tmp_path / "reliability.parquet")
    assert set(rows.loc[rows["on"] == "weights", "status"]) == {"not_applicable"}
    assert set(rows.loc[rows["on"] == "input", "status"]) == {"ok"}
    assert "cannot be copied" in run.consistency().set_index("on")["reason"].to_dict()["weights"]


def test_the_network_is_left_alone(images: Tensor, tmp_path: Path) -> None:
    network = seeded(Pooled).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    state = torch.random.get_rng_state()
    asked = study(images, models={"net": network}, methods=["gradcam"], metrics=["sparseness"])
    asked.reliability(tmp_path, disturbances=Disturbances(1), levels=FEWEST_LEVELS)
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"draws": 0}, "draws is 0"),
        ({"input": (0.1, 0.1)}, "input is 0.1, 0.1"),
        ({"weights": (0, 1)}, "weights is 0, 1"),
    ],
)
def test_sizes_that_say_nothing_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        Disturbances(**keys)


def test_studies_without_a_question_are_refused(images: Tensor) -> None:
    with pytest.raises(BenchError, match="every metric of the study is one of cost"):
        with_levels(study(images, metrics=["runtime"]))
    with pytest.raises(BenchError, match="every method of the study is a control"):
        with_levels(study(images, methods=["random"]))
    with pytest.raises(BenchError, match="Give three or more shares"):
        with_levels(study(images), [0, 1])


def test_a_plain_run_has_no_disturbances(images: Tensor, tmp_path: Path) -> None:
    done = study(images, metrics=["sparseness"]).run(tmp_path, report=False)
    with pytest.raises(BenchError, match=r"has no reliability\.parquet.*benchbench reliability"):
        done.reliability()
    assert done.decay().empty


def test_all_draws_differ() -> None:
    disturbances = list(SIZES.all())
    assert len({each.view for each in disturbances}) == len(disturbances) == 8
    assert Disturbance("input", "minor", 0.001, 0) == disturbances[0]


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\nfrom benchbench import ModelSpec, Preprocess\n"
        "def small():\n"
        "    torch.manual_seed(0)\n"
        "    network = nn.Sequential(nn.Conv2d(3, 5, 3, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),\n"
        "                            nn.Linear(5, 1000))\n"
        "    return ModelSpec('small', network, Preprocess(64, 56))\n"
    )
    file = tmp_path / "study.yaml"
    file.write_text(
        f"models: ['{tmp_path / 'net.py'}:small']\ndatasets: [photos]\nlayers: ['1']\n"
        "methods: [gradcam, layercam]\nmetrics: [sparseness]\nsamples: 2\n"
    )
    done = CliRunner().invoke(app, ["reliability", str(file), "--draws", "1", "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert "sparseness" in done.output
    assert (tmp_path / "run" / "tables" / "reliability.md").is_file()
    wrong = CliRunner().invoke(app, ["reliability", str(file), "--weights", "much"])
    assert isinstance(wrong.exception, BenchError)
    assert "Give two numbers" in str(wrong.exception)


def _small(images: Tensor) -> Tensor:
    return images[:4, :, ::4, ::4]


SPOILS: dict[str, Callable[[Pooled], object]] = {
    "weights": lambda network: network.fc.weight.data.mul_(-1),
    "hook": lambda network: network.relu.register_forward_hook(lambda _module, _inputs, output: output * 0),
}


def _rows(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "reliability.parquet")


@pytest.mark.usefixtures("planted")
def test_a_method_that_spoils_networks_costs_its_own_rows(images: Tensor, tmp_path: Path) -> None:
    """Also networks with noisy weights, which are made for one disturbance."""
    kind = [""]

    class Exposed(Pooled):
        """A network that a plugin finds wherever a copy of it is."""

    @registered_method("spoils", needs="activation")
    def spoils(layer: Layer) -> Tensor:
        """Leaves every such network changed."""
        for network in [each for each in gc.get_objects() if type(each) is Exposed] if kind[0] else ():
            SPOILS[kind[0]](network)
        return layer.activation.mean(1)

    def disturbed(name: str) -> pd.DataFrame:
        kind[0] = name
        network = seeded(Exposed)
        before = state_of(network)
        asked = study(_small(images), models={"net": network}, methods=["spoils", "gradcam"], metrics=["average_drop"])
        asked.run(tmp_path / f"run {name}", report=False)
        disturb(asked, tmp_path / f"run {name}", Disturbances(1))
        assert state_of(network) == before
        return _rows(tmp_path / f"run {name}").set_index("method")

    sound = disturbed("")
    for name in SPOILS:
        spoilt = disturbed(name)
        pd.testing.assert_frame_equal(sound.loc[["gradcam"]], spoilt.loc[["gradcam"]])
        spoilt_rows = spoilt.loc[["spoils"]]
        assert set(spoilt_rows["status"]) == {"failed"}
        assert spoilt_rows["reason"].str.contains("of the network changed").all()


@pytest.mark.usefixtures("planted")
def test_what_failed_and_is_made_later_is_disturbed(images: Tensor, tmp_path: Path) -> None:
    """Images and maps, also where their failure has settled, and the mean that is made of them."""
    failing = [True]

    class Photos:
        name, about, ids = "data", {"source": "here"}, [str(i) for i in range(4)]

        def __getitem__(self, index: int) -> bb.Sample:
            if failing[0] and index == 2:
                raise ValueError("no such image")
            return bb.Sample(self.ids[index], _small(images)[index], index)

        def fingerprint(self, index: int) -> str:
            return str(index)

    @registered_method("flaky", needs="activation")
    def flaky(layer: Layer) -> Tensor:
        """Fails on an image."""
        maps = layer.activation.mean(1)
        if failing[0]:
            maps[(layer.images.mean((1, 2, 3)) - _small(images)[1].mean()).abs() < 1e-5] = float("nan")
        return maps

    methods = ["flaky", {"name": "dataset-mean", "of": "flaky"}]
    asked = study(images, datasets={"data": Photos()}, methods=methods, metrics=["average_drop"])

    def disturbed(folder: Path) -> None:
        asked.run(folder, report=False, retry_failed=True)
        disturb(asked, folder, Disturbances(1))

    for _ in range(2):
        disturbed(tmp_path / "a")
    assert (_rows(tmp_path / "a")["status"] == "failed").any()
    failing[0] = False
    disturbed(tmp_path / "a")
    disturbed(tmp_path / "b")
    pd.testing.assert_frame_equal(_rows(tmp_path / "a"), _rows(tmp_path / "b"))
    assert (_rows(tmp_path / "a")["status"] == "ok").all()
    assert _rows(tmp_path / "a")["kept"].notna().all()


@pytest.mark.usefixtures("planted")
def test_what_a_plugin_leaves_is_in_the_run(images: Tensor, tmp_path: Path) -> None:
    @metric("drawing", higher_is_better=True, needs="map", protocols={"only": {}})
    def drawing(seen: Seen) -> Scored:
        """Draws from the global random state while it is disturbed."""
        if disturbed[0]:
            torch.rand(1)
        return Scored(seen.map.flatten(1).mean(1))

    disturbed = [False]
    asked = study(_small(images), methods=["gradcam"], metrics=["drawing"])
    run = asked.run(tmp_path, report=False)
    words = "metric drawing draws from or seeds the global random state"
    assert not any(words in each for each in run.record.info["warnings"])
    disturbed[0] = True
    disturb(asked, tmp_path, Disturbances(1))
    assert sum(words in each for each in bb.Run.load(tmp_path).record.info["warnings"]) == 1
