"""Range, unit and direction belong to a protocol: every one is tried on what networks and maps can come to."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchbench.cli.listing import entry
from benchbench.engine.runner import run
from benchbench.errors import BenchError
from benchbench.registry import METRICS, metric
from benchbench.stats.metric_scale import scales
from benchbench.study.spec import MetricChoice, StudySpec, read_metric
from benchbench.types import Pixels, Reexplained, Scored, Seen
from benchbench.vocabulary import Status

SIZE, COUNT = (40, 48), 6
LABELS = [
    f"{name}@{protocol}" for name, plugin in METRICS.load().items() if plugin.of_images for protocol in plugin.protocols
]
CUSTOM: list[dict[str, Any]] = [
    {"name": "deletion", "steps": 5, "answer": "logit"},
    {"name": "deletion", "source": "mindspore", "steps": 7, "answer": "logit"},
    {"name": "deletion", "source": "mindspore", "steps": 7},
    {"name": "deletion", "source": "torchcam", "steps": 7},
    {"name": "insertion", "source": "latec", "steps": 9, "answer": "logit"},
    {"name": "insertion", "source": "interpretdl", "steps": 9},
    {"name": "average_drop", "of": "logit", "top": 0.3},
    {"name": "tie_spread", "answer": "logit", "of": "insertion"},
    {"name": "infidelity", "answer": "probability"},
    {"name": "sensitivity_n", "answer": "probability"},
    {"name": "local_lipschitz", "radius": 0.3, "scale": "raw"},
    {"name": "mprt", "stages": 3, "similarity": "ssim"},
    {"name": "effective_complexity", "above": 0.1, "size": "layer"},
]
GENERATOR = torch.Generator()


def maps(kind: str, *shape: int) -> Tensor:
    """(COUNT, h, w): random ones, and those that are at an end of what a map can be."""
    raw = torch.rand(COUNT, *shape, generator=GENERATOR)
    if kind == "extreme":
        raw = torch.randn(COUNT, *shape, generator=GENERATOR) * 10.0 ** torch.arange(-3, 3)[:, None, None]
        raw[0], raw[1] = 0.0, (raw[1] > 0).float()
        raw[2] = 0.0
        raw[2, -1, 0] = 1.0
        raw[3] = torch.arange(shape[0])[:, None].add(torch.arange(shape[1])).remainder(2).float()
    return raw


def answers(kind: str, *shape: int) -> tuple[Tensor, Tensor]:
    """Probabilities and logits: of a network that hardly knows, or that jumps from 0 to 1."""
    if kind == "random":
        return torch.rand(*shape, generator=GENERATOR), torch.randn(*shape, generator=GENERATOR)
    sure = torch.randint(0, 2, shape, generator=GENERATOR).float()
    return sure, 300 * torch.randn(*shape, generator=GENERATOR)


def seen_by(choice: MetricChoice, kind: str, seed: int) -> Seen:
    """What a metric could be given."""
    GENERATOR.manual_seed(seed)
    probes = list(choice.plugin.probes(**choice.params)) if choice.plugin.probes else []
    probability, logit = answers(kind, COUNT, max(len(probes), 1))
    whole, z = answers(kind, COUNT)
    height, raw = maps(kind, *SIZE), maps(kind, 4, 5)
    low, high = height.amin((1, 2), keepdim=True), height.amax((1, 2), keepdim=True)
    height = (height - low) / (high - low).clamp_min(1e-30)
    mask = torch.zeros(COUNT, *SIZE, dtype=torch.bool)
    for i in range(COUNT):
        mask[i, i : 2 * i + 3, 2 * i : 3 * i + 4] = True
    coarse = torch.rand(COUNT, 3, 4, 5, generator=GENERATOR)  # smooth: of noise, SLIC makes one superpixel
    images = nn.functional.interpolate(coarse, size=SIZE, mode="bilinear")
    images += 0.05 * torch.rand(images.shape, generator=GENERATOR)  # or a picture of few pixels takes as many bytes
    views = choice.plugin.views(**choice.params) if choice.plugin.views else []
    ok: Status = "ok"
    again = {
        view: Reexplained(
            maps(kind, 4, 5),
            *answers(kind, COUNT),
            torch.rand(COUNT, generator=GENERATOR) > 0.2,
            torch.rand(COUNT, generator=GENERATOR) + 0.1,
            ("",) * COUNT,
            (ok,) * COUNT,
        )
        for view in views
    }
    pixels = Pixels(images, tuple(range(COUNT)), torch.zeros(3), torch.ones(3))
    correct = (probability > 0.5).float()
    place = torch.randint(1, 8, (COUNT,), generator=GENERATOR)
    explained = torch.ones(COUNT, dtype=torch.bool)
    seen = Seen(probability, logit, correct, whole, z, height, mask, raw, pixels, again)
    signed = raw - raw.flatten(1).median(1).values[:, None, None]
    rivals = choice.plugin.rivals(**choice.params) if choice.plugin.rivals else 0
    others = (1 - probability)[..., None].expand(-1, -1, rivals) / max(rivals, 1)  # of what the target leaves
    share = torch.rand(others.shape, generator=GENERATOR) if kind == "random" else 1.0
    seen = replace(seen, label_place=place, label_explained=explained, signed_map=signed)
    return replace(seen, rival_probability=others * share if rivals else None)


@pytest.mark.parametrize("kind", ["random", "extreme"])
@pytest.mark.parametrize("spec", [*LABELS, *CUSTOM], ids=str)
def test_values_lie_in_the_range_of_their_protocol(spec: Any, kind: str) -> None:
    choice = read_metric(spec)
    low, high = choice.plugin.reading_of(choice.params).range
    reached = []
    for seed in range(2):
        scored = choice.plugin.function(seen_by(choice, kind, seed), **choice.params)
        applies = [not why for why in scored.inapplicable] or [True] * COUNT
        reached += torch.as_tensor(scored.value).double()[torch.tensor(applies)].tolist()
    assert reached
    assert low - 1e-9 <= min(reached)
    assert max(reached) <= high + 1e-9


LOGITS = ["deletion@torchcam-20", "deletion@xplique-10", "insertion@torchcam-20", "insertion@xplique-10"]


@pytest.mark.parametrize("label", LOGITS)
def test_the_area_under_a_logit_of_4_9_is_4_9_and_in_no_unit_interval(label: str) -> None:
    choice = read_metric(label)
    reading = choice.plugin.reading_of(choice.params)
    seen = seen_by(choice, "random", 0)
    seen.logit.fill_(4.9)
    assert choice.plugin.function(seen, **choice.params).value.tolist() == pytest.approx([4.9] * COUNT)
    assert (reading.unit, reading.range) == ("logit", (-math.inf, math.inf))
    assert reading.higher_is_better == label.startswith("insertion")
    assert "z(" in reading.equation


def test_a_fall_in_logits_has_a_floor_and_no_ceiling() -> None:
    choice = read_metric("average_drop@pgc")
    seen = seen_by(choice, "random", 0)
    seen.whole_logit.fill_(12.0)
    seen.logit.fill_(-3.0)
    assert choice.plugin.function(seen, **choice.params).value.tolist() == [15.0] * COUNT
    reading = choice.plugin.reading_of(choice.params)
    assert (reading.unit, reading.range, reading.equation) == ("logit", (0, math.inf), "max(0, z - z')")
    plugin = read_metric("average_drop").plugin
    assert plugin.reading_of(plugin.bind({})).range == (0, 1)


def test_what_mindspore_adds_moves_its_range() -> None:
    """Nothing lost is 1, everything lost from the first step on is nearly 1/2: no value lies in 0 .. 1/2."""
    choice = read_metric("deletion@mindspore-224")
    seen = seen_by(choice, "random", 0)
    seen.probability.fill_(1.0)
    assert choice.plugin.function(seen, **choice.params).value.tolist() == [1.0] * COUNT
    seen.probability[:, 1:] = 0.0
    worst = 1 - 222 / 224 / 2  # the first and the last of 224 do not count, but their number does
    assert choice.plugin.function(seen, **choice.params).value.tolist() == pytest.approx([worst] * COUNT)
    assert choice.plugin.reading_of(choice.params).range == (0.5, 1.5)


class Loud(nn.Module):
    """Logits of tens."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.head = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU()), nn.Linear(4, 5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = 40 * self.head(self.features(images).mean((2, 3))) + 20
        return logits


def test_a_run_says_the_protocol_s_own_and_so_does_what_reads_it(images: Tensor, tmp_path: Path) -> None:
    metrics = ["deletion", "deletion@torchcam-20", "average_drop@pgc", {"name": "insertion", "answer": "logit"}]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Loud().eval()
    study = StudySpec(
        models={"net": network}, datasets={"data": images}, layers=["features"], methods=["gradcam"], metrics=metrics
    )
    run(study, tmp_path)
    info = json.loads((tmp_path / "run.json").read_text())
    readings = {(m["name"], m["protocol"]): m for m in info["metrics"]}
    assert readings["deletion", "rise-28"]["range"] == [0.0, 1.0]
    for pair in [("deletion", "torchcam-20"), ("insertion", "custom(answer=logit)")]:
        assert (readings[pair]["range"], readings[pair]["unit"]) == ([None, None], "logit")
    assert readings["average_drop", "pgc"]["range"] == [0.0, None]
    margins = {pair: scale.margin for pair, scale in scales(info).items()}
    assert margins["deletion", "rise-28"] == pytest.approx(0.01)
    assert math.isnan(margins["deletion", "torchcam-20"]), "no share of a range that is none"
    assert math.isnan(margins["average_drop", "pgc"])


def test_a_listing_says_each_protocol_s_own() -> None:
    listing = entry(METRICS["deletion"])
    assert (listing["better"], listing["unit"], listing["range"]) == ("lower", "probability", [0, 1])
    assert listing["readings"]["xplique-10"]["range"] == [None, None]
    assert listing["readings"]["xplique-10"]["unit"] == "logit"


def registered(**options: Any) -> None:
    @metric(
        "turned",
        needs="map",
        protocols={"mean": {}, "negative": {"sign": -1.0}},
        higher_is_better=True,
        unit="height",
        range=(0, 1),
        equation="mean",
        **options,
    )
    def turned(seen: Seen, *, sign: float = 1.0) -> Scored:
        """The map's mean, or its negative."""
        return Scored(sign * seen.map.double().mean((1, 2)))


def test_a_protocol_may_turn_the_direction_round() -> None:
    registered(reading=lambda sign: {} if sign > 0 else {"higher_is_better": False, "range": (-1, 0)})
    try:
        plugin = METRICS["turned"]
        assert plugin.reading_of({"sign": 1.0}).higher_is_better
        turned = plugin.reading_of({"sign": -1.0})
        assert (turned.higher_is_better, turned.range, turned.unit) == (False, (-1, 0), "height")
    finally:
        METRICS.remove("turned")


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        ({"ranges": (0, 1)}, "metric turned: reading= returns 'ranges'. Did you mean 'range'"),
        ({"range": (1, 1)}, r"metric turned: the range is \(1, 1\). Give \(low, high\)"),
    ],
)
def test_a_reading_that_is_none_is_refused(reading: dict[str, Any], message: str) -> None:
    registered(reading=lambda sign: reading)
    try:
        with pytest.raises(BenchError, match=message):
            METRICS["turned"].reading_of({"sign": 1.0})
    finally:
        METRICS.remove("turned")
