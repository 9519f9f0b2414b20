"""A metric sees what it declared, whatever the data and the study have besides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchbench.engine.runner import run
from benchbench.evaluation.declared_needs import LENT, NotLent, lend
from benchbench.registry import METRICS, metric
from benchbench.results.record import Record
from benchbench.study.spec import StudySpec
from benchbench.types import Explainer, Pixels, Scored, Seen
from benchbench.types.probes import Remove
from benchbench.types.views import Noisy

from ..networks import Pooled, seeded

EVERY = ("probes", "map", "signed-map", "pixels", "mask", "boxes", "label", "reexplain", "network", "rivals")
MORE: dict[str, dict[str, Any]] = {
    "probes": {"probes": lambda: [Remove(0.5)]},
    "rivals": {"rivals": lambda: 1},
    "reexplain": {"views": lambda: [Noisy(0, 0.1)]},
}


@pytest.fixture
def registered() -> Iterator[Any]:
    """Registers a metric that reads one attribute of what it is given, and forgets it."""
    names: list[str] = []

    def add(reads: str, needs: tuple[str, ...]) -> str:
        name = f"reads {reads} declares {' '.join(needs)}"
        more: dict[str, Any] = {}
        for need in needs:
            more |= MORE.get(need, {})

        @metric(name, higher_is_better=True, needs=needs, protocols={"only": {}}, unit="none", **more)
        def reading(seen: Seen) -> Scored:
            """1 where it could read."""
            getattr(seen, reads)
            return Scored(torch.ones(len(seen.map)))

        names.append(name)
        return name

    yield add
    for name in names:
        METRICS.remove(name)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("beside", [[], ["deletion", "pointing_game", "noise_stability"]])
def test_what_was_not_declared_is_never_seen(
    images: Tensor, tmp_path: Path, registered: Any, masked: bool, beside: list[str]
) -> None:
    """The rows fail in every study alike, and say the need. What needs masks is refused where there are none."""
    undeclared = {name: registered(name, ("map",)) for name in LENT if name not in ("map", "raw")}
    lent = {
        name: registered(name, tuple({"map", needs[0], *(("probes",) if needs[0] == "rivals" else ())}))
        for name, needs in LENT.items()
        if masked or name not in ("mask", "boxes")
    }
    beside = beside if masked else [name for name in beside if "mask" not in METRICS[name].needs]
    masks = torch.zeros(len(images), *images.shape[2:], dtype=torch.bool)
    masks[:, 3:9, 3:9] = True
    boxes = [[[3, 3, 9, 9]]] * len(images)
    labels = torch.zeros(len(images), dtype=torch.long)
    study = StudySpec(
        models={"net": seeded(Pooled)},
        datasets={"data": (images, labels, masks, None, boxes) if masked else (images, labels)},
        layers=["relu"],
        methods=[{"name": "inputxgradient", "sign": "signed"}],
        metrics=[*undeclared.values(), *lent.values(), *beside],
    )
    run(study, tmp_path)
    table = Record.load(tmp_path).results
    for name, metric_name in undeclared.items():
        rows = table[table["metric"] == metric_name]
        reason = f'reads seen.{name} and does not declare it. Add "{LENT[name][0]}" to its needs'
        assert set(rows["status"]) == {"failed"}
        assert rows["reason"].str.contains(reason, regex=False).all()
    for metric_name in lent.values():
        rows = table[table["metric"] == metric_name]
        assert set(rows["status"]) == {"ok"}, rows["reason"].iloc[0]
        assert set(rows["value"]) == {1.0}


def full() -> Seen:
    images = torch.rand(2, 3, 8, 8)
    answers = torch.rand(2, 1)
    pixels = Pixels(images, (0, 1), torch.zeros(3), torch.ones(3))
    explainer = Explainer(nn.Identity(), torch.zeros(2), ("a", "b"), lambda *_: torch.zeros(2, 8, 8))
    whole = (torch.rand(2), torch.rand(2), torch.rand(2, 8, 8))
    boxes = (torch.tensor([[0.0, 0, 4, 4]]), None)
    label = (torch.tensor([1, 0]), torch.tensor([True, False]))
    raw = torch.rand(2, 4, 4)
    seen = Seen(answers, answers, answers, *whole, torch.ones(2, 8, 8) > 0, raw, pixels, {}, explainer, boxes, *label)
    return replace(seen, signed_map=torch.randn(2, 8, 8), rival_probability=torch.rand(2, 1, 1))


@pytest.mark.parametrize("need", EVERY)
def test_each_need_lends_its_own(need: str) -> None:
    """Nor is anything else to be got at behind the attributes' backs."""
    seen = full()
    lent = lend(seen, "mine", {need})
    held: Mapping[str, Any] = vars(lent)
    for name, needs in LENT.items():
        if need in needs:
            assert getattr(lent, name) is getattr(seen, name)
            continue
        assert held[name] is None
        with pytest.raises(NotLent, match=f'metric mine reads seen.{name} .* Add "{needs[0]}" to its needs'):
            getattr(lent, name)


def test_every_attribute_and_every_need_of_a_seen_is_known() -> None:
    assert set(LENT) == set(vars(full()))
    assert {need for needs in LENT.values() for need in needs} == set(EVERY)


class Touchy(nn.Module):
    """Refuses pictures with much of zero in them."""

    def forward(self, images: Tensor) -> Tensor:
        if (images == 0).float().mean((1, 2, 3)).amax() > 0.7:
            raise ValueError("too little of a picture")
        return torch.stack([images.mean((1, 2, 3)), images.square().mean((1, 2, 3))], 1)


def test_a_picture_that_the_network_refuses_costs_the_metric_that_asks_for_it(images: Tensor, tmp_path: Path) -> None:
    """What another metric of the study asks about another picture keeps its value."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features, self.touchy = nn.Conv2d(3, 3, 1), Touchy()

        def forward(self, shown: Tensor) -> Tensor:
            logits: Tensor = self.touchy(shown) + self.features(shown).mean((2, 3))[:, :2]
            return logits

    def done(*metrics: str) -> Any:
        study = StudySpec(
            models={"net": seeded(Net)},
            datasets={"data": images},
            layers=["features"],
            methods=["random", "center"],
            metrics=list(metrics),
        )
        folder = tmp_path / "-".join(metrics)
        run(study, folder)
        table = Record.load(folder).results
        return table[table["metric"] == "average_drop"].set_index(["method", "sample"])["value"]

    alone, beside = done("average_drop"), done("average_drop", "deletion")
    assert alone.notna().all()
    assert (alone == beside).all()


def test_some_images_of_what_was_lent_are_lent_too() -> None:
    whole = lend(full(), "mine", {"map"})
    part = whole.rows(1, 2)
    assert torch.equal(part.map, whole.map[1:2])
    assert whole.row(1).map.shape == (1, 8, 8)
    with pytest.raises(NotLent, match=r"metric mine reads seen\.mask"):
        _ = part.mask
