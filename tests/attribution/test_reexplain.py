"""The engine behind metrics that need the method again: shared, isolated in failure, and gone without a trace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from benchbench.attribution.apply_view import RandomisedNetworks, apply_view
from benchbench.engine.runner import run
from benchbench.errors import NotApplicable
from benchbench.network.reference_batch import ReferenceBatch
from benchbench.network.scorer import Scorer
from benchbench.registry import METHODS, METRICS, method, metric
from benchbench.results.record import Record
from benchbench.results.schema import KEYS
from benchbench.study.spec import StudySpec
from benchbench.types import Layer, Scored, Seen
from benchbench.types.views import (
    Averaged,
    Jpeg,
    Masked,
    Noisy,
    NoisyWeights,
    OtherTarget,
    RandomWeights,
    Shifted,
    View,
)

from ..helpers import pixels
from ..methods.test_contract import FEW
from ..networks import Pooled, seeded

VIEWS: list[View] = [
    *(Noisy(0, 0.02), Shifted(3, -2), Masked(), OtherTarget("random")),
    *(RandomWeights("cascade", 1, 1), RandomWeights("independent", 2, 4, Noisy(0, 0.02))),
    *(NoisyWeights(0, 0.1), Averaged((Noisy(0, 0.02), NoisyWeights(1, 0.1), Shifted(3, -2)))),
]


@pytest.fixture(autouse=True)
def planted() -> Iterator[None]:
    @metric(
        "says",
        higher_is_better=True,
        needs="reexplain",
        views=lambda which: [VIEWS[which]],
        protocols={"first": {"which": 0}},
        unit="none",
    )
    def says(seen: Seen, *, which: int = 0) -> Scored:
        """The mean of the map on a view, and the answer there."""
        (reexplained,) = seen.reexplained.values()
        return Scored(
            reexplained.map.double().mean((1, 2)),
            {"p": reexplained.probability, "z": reexplained.logit, "moved": reexplained.distance},
        )

    yield
    METRICS.remove("says")


EVERY: list[Any] = [{"name": "says", "which": i} for i in range(len(VIEWS))]


def done(images: Tensor, folder: Path, **keys: Any) -> Record:
    defaults: dict[str, Any] = {
        "models": {"net": seeded(Pooled)},
        "datasets": {"data": images},
        "layers": ["relu"],
        "methods": ["gradcam", "layercam", "random", "saliency"],
        "metrics": EVERY,
    }
    run(StudySpec(**{**defaults, **keys}), folder)
    return Record.load(folder)


def values(record: Record) -> pd.Series[float]:
    return record.results.set_index(KEYS)["value"].sort_index()


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    coarse = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size=64, mode="bicubic")


def test_a_view_is_one_pass_for_all_methods_and_layers(pictures: Tensor, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"layers": ["stage1", "relu"], "methods": ["gradcam", "hirescam", "xgradcam", "random"]}
    work = done(pictures, tmp_path, metrics=["noise_stability"], **keys).info["work"]
    assert work["backwards"] == 4 * (1 + 5), "the images, and five views of each"
    later = done(
        pictures, tmp_path, metrics=["noise_stability", "max_sensitivity", "avg_sensitivity", "local_lipschitz"], **keys
    )
    assert later.info["work"]["backwards"] == 4 * 10, "three metrics share ten views"


def test_equal_maps_share_their_masked_image(pictures: Tensor, tmp_path: Path) -> None:
    @method("twin", needs="gradient", control=True)
    def twin(layer: Layer) -> Tensor:
        """Grad-CAM by another name: the same map to the last bit."""
        maps: Tensor = METHODS["gradcam"].function(layer)
        return maps

    try:
        keys: dict[str, Any] = {"methods": ["gradcam", "twin", "layercam"], "metrics": ["coherency"]}
        work = done(pictures, tmp_path, **keys).info["work"]
    finally:
        METHODS.remove("twin")
    assert work["backwards"] == 4 * (1 + 2), "the first two are one map"


def test_blocks_of_the_same_layers_are_one_view(pictures: Tensor, tmp_path: Path) -> None:
    work = done(pictures, tmp_path, methods=["gradcam"], metrics=["mprt"]).info["work"]
    assert work["backwards"] == 4 * (1 + 4), "eight blocks of four layers"


def test_the_answers_on_a_view(pictures: Tensor, tmp_path: Path) -> None:
    network = seeded(Pooled)
    results = done(pictures, tmp_path, methods=["gradcam"]).results
    with torch.no_grad():
        logits = network(pictures)
    rows = results[results["method"] == "gradcam"].set_index(["protocol", "metric", "sample"])["value"]

    def of(which: int, part: str) -> list[float]:
        name = "first" if which == 0 else f"custom(which={which})"
        return [float(rows[name, f"says.{part}", f"{i:04}"]) for i in range(4)]

    shifted = torch.roll(torch.nn.functional.pad(pictures, (3, 3, 2, 2), mode="replicate"), (-2, 3), (2, 3))[
        :, :, 2:-2, 3:-3
    ]
    with torch.no_grad():
        moved = network(shifted)
    targets = logits.argmax(1, keepdim=True)
    np.testing.assert_allclose(of(1, "p"), moved.softmax(1).gather(1, targets)[:, 0], atol=1e-5)
    np.testing.assert_allclose(of(1, "z"), moved.gather(1, targets)[:, 0], atol=1e-5)
    assert all(z < float(logits[i].max()) for i, z in enumerate(of(3, "z"))), "the logit of the class explained"
    assert of(3, "moved") == of(4, "moved") == [0] * 4
    assert of(0, "moved") == pytest.approx(of(5, "moved"))


@pytest.mark.parametrize("batch", [1, 3])
def test_the_batch_size_changes_nothing(batch: int, pictures: Tensor, tmp_path: Path) -> None:
    methods = ["gradcam", "scorecam", "random", "saliency"]
    usual, other = (
        done(pictures, tmp_path / "a", methods=methods),
        done(pictures, tmp_path / "b", methods=methods, batch=batch),
    )
    np.testing.assert_allclose(values(usual), values(other), atol=1e-5, rtol=1e-4)


def test_nothing_is_left_in_the_network(pictures: Tensor, tmp_path: Path) -> None:
    network = seeded(Pooled).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    random = torch.random.get_rng_state()
    done(pictures, tmp_path, models={"net": network}, metrics=["mprt", "mprt@independent-8-ssim", *EVERY])
    assert network.training
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in network.modules())
    assert torch.equal(torch.random.get_rng_state(), random)


class Touchy(Pooled):
    """Fails, or has no gradient, or no finite answer, on an image whose corner has moved from a round number."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        corner = images[:, 0, 0, 0]
        odd = (corner > 0.9) & (corner != 1)
        if self.how == "fails" and odd.any():
            raise RuntimeError("not this one")
        if self.how == "no gradient" and odd.any() and torch.is_grad_enabled():
            raise RuntimeError("no gradient of this one")
        return torch.where(odd[:, None], torch.nan, logits) if self.how == "nan" else logits


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize(
    ("how", "message"), [("fails", "not this one"), ("nan", "not finite"), ("no gradient", "no gradient of")]
)
def test_a_network_that_fails_on_a_view_fails_there_alone(
    how: str, message: str, batch: int, pictures: Tensor, tmp_path: Path
) -> None:
    odd = pictures.clamp(-0.5, 0.5)
    odd[2, 0, 0, 0] = 1  # so that noise moves it
    network = seeded(lambda: Touchy(how))
    metrics = [EVERY[0], EVERY[3], "average_drop"]
    results = done(odd, tmp_path, models={"net": network}, metrics=metrics, batch=batch).results
    bad = results[results["status"] == "failed"]
    assert set(bad["sample"]) == {"0002"}
    assert set(bad["protocol"]) == {"first"}, "the view of the noise, and no other"
    expected = {"gradcam", "layercam", "saliency"} | (set() if how == "no gradient" else {"random"})
    assert set(bad["method"]) == expected
    assert bad["reason"].str.startswith("on Noisy(index=0, radius=0.02, kind='uniform'): the network failed").all()
    assert bad["reason"].str.contains(message).all()
    assert (results[~results.index.isin(bad.index)]["status"] == "ok").all()


@pytest.mark.parametrize("batch", [1, 16])
def test_a_method_that_fails_on_a_view_fails_there_alone(batch: int, pictures: Tensor, tmp_path: Path) -> None:
    odd = pictures.clamp(-0.5, 0.5)
    odd[1, 0, 0, 0], odd[2, 0, 0, 0] = 1, 2

    @method("touchy", needs="activation")
    def touchy(layer: Layer) -> Tensor:
        """Raises on what has been noised."""
        corner = layer.images[:, 0, 0, 0]
        if ((corner > 1.5) & (corner != 2)).any():
            raise ValueError("I have seen this before")
        if ((corner > 0.5) & (corner < 1.5) & (corner != 1)).any():
            raise NotApplicable("not to such an image")
        return layer.activation.mean(1)

    try:
        results = done(odd, tmp_path, methods=["gradcam", "touchy"], metrics=EVERY[:1], batch=batch).results
    finally:
        METHODS.remove("touchy")
    rows = results[(results["method"] == "touchy") & (results["metric"] == "says")].sort_values("sample")
    assert rows["status"].tolist() == ["ok", "not_applicable", "failed", "ok"]
    assert "not to such an image" in rows["reason"].iloc[1]
    assert "I have seen this before" in rows["reason"].iloc[2]
    assert (results[results["method"] == "gradcam"]["status"] == "ok").all()


def test_images_that_are_tried_alone_keep_their_seeds(pictures: Tensor, tmp_path: Path) -> None:
    odd = pictures.clamp(-0.5, 0.5)
    odd[1, 0, 0, 0] = 1

    @method("picky-noise", needs="activation")
    def picky_noise(layer: Layer) -> Tensor:
        """Random, and raises where an image has a bright corner."""
        if (layer.images[:, 0, 0, 0] > 0.9).any():
            raise ValueError("too bright")
        return layer.uniform(4, 5)

    try:
        records = [done(odd, tmp_path / str(b), methods=["picky-noise"], metrics=EVERY[:1], batch=b) for b in (1, 16)]
    finally:
        METHODS.remove("picky-noise")
    pd.testing.assert_series_equal(values(records[0]), values(records[1]))
    assert records[0].results["value"].notna().sum() == 3 * 4


def test_a_method_without_a_map_is_not_shown_anything(pictures: Tensor, tmp_path: Path) -> None:
    @method("never", needs="activation")
    def never(layer: Layer) -> Tensor:
        """Raises."""
        raise ValueError("never")

    try:
        record = done(pictures, tmp_path, methods=["never"], metrics=EVERY)
    finally:
        METHODS.remove("never")
    assert (record.results["status"] == "failed").all()
    assert record.results["reason"].str.startswith("ValueError: never").all()
    assert record.info["work"]["backwards"] == 0


def test_a_network_that_does_not_copy_has_no_other_weights(pictures: Tensor, tmp_path: Path) -> None:
    network = seeded(Pooled)
    network.kept = (x for x in "generators do not copy")  # type: ignore[assignment]
    results = done(
        pictures, tmp_path, models={"net": network}, methods=["gradcam"], metrics=["mprt", "max_sensitivity"]
    ).results
    assert set(results[results["metric"] == "mprt"]["status"]) == {"not_applicable"}
    assert results[results["metric"] == "mprt"]["reason"].str.contains("cannot be copied").all()
    assert set(results[results["metric"] == "max_sensitivity"]["status"]) == {"ok"}


def test_every_method_can_be_asked_again(pictures: Tensor, tmp_path: Path) -> None:
    methods = [{"name": name, **FEW.get(name, {})} for name in METHODS.names()]
    results = done(pictures[:2], tmp_path, methods=methods, metrics=EVERY[:5], samples=1).results  # one to compare with
    assert set(results["status"]) == {"ok", "not_applicable"}
    of_attention = {"attention-rollout", "chefer", "legrad", "agcam", "attnlrp", "libragrad", "tis"}
    bare = {*of_attention, "oracle", "dataset-mean", "drise(masks=20)"}
    assert set(results[results["status"] == "not_applicable"]["method"]) == bare, "no attention, masks or boxes here"


class Tight(Pooled):
    """Memory runs out on more than two images that are not the data's own."""

    def __init__(self, originals: Tensor) -> None:
        super().__init__()
        self.originals = originals

    def forward(self, images: Tensor) -> Tensor:
        new = not any(torch.equal(images[0], image) for image in self.originals)
        if len(images) > 2 and new:
            raise torch.OutOfMemoryError("too many")
        return super().forward(images)


def test_memory_that_runs_out_on_a_view_halves_the_batch(pictures: Tensor, tmp_path: Path) -> None:
    tight = done(pictures, tmp_path / "tight", models={"net": seeded(lambda: Tight(pictures))}, batch=4)
    assert tight.info["work"]["batches"]["net"]["at_end"] == 2
    np.testing.assert_allclose(values(tight), values(done(pictures, tmp_path / "wide")), atol=1e-5, rtol=1e-4)


def test_masks_move_with_their_image(tmp_path: Path, pictures: Tensor) -> None:
    mask = torch.zeros(4, 64, 64, dtype=torch.bool)
    mask[:, 10:20, 30:40] = True
    zero = torch.zeros(4, dtype=torch.long)
    network = seeded(Pooled)
    original = ReferenceBatch(network, Scorer(network), tuple("abcd"), pixels(pictures), mask, zero, zero, 0)
    shown = apply_view(Shifted(3, -2), torch.zeros(4, 1, 1), original, RandomisedNetworks(original))
    assert shown.masks is not None
    assert shown.masks[:, 8:18, 33:43].all()
    assert shown.masks.sum() == mask.sum()


class Bar:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.total = self.done = 0

    def say(self, what: str) -> None: ...
    def warn(self, what: str) -> None: ...
    def stop(self) -> None: ...

    def start(self, total: int) -> None:
        self.total = total

    def advance(self, count: int) -> None:
        self.done += count


def test_the_bar_knows_of_views(pictures: Tensor, tmp_path: Path) -> None:
    bar = Bar()
    study = StudySpec(
        models={"net": seeded(Pooled)},
        datasets={"data": pictures},
        layers=["relu"],
        methods=["gradcam", "layercam"],
        metrics=["max_sensitivity", "noise_stability", "coherency", "random_logit"],
    )
    run(study, tmp_path, bar)
    assert bar.total == 4 * (1 + 1 + 10 + 5 + 2 + 1), "the capture, the image as it is, and the views"
    assert 0 <= bar.total - bar.done <= 4, "one forward captures the image and scores it as it is"


def test_views_are_words_that_errors_can_say() -> None:
    assert str(Jpeg(30)) == "Jpeg(quality=30)"
    assert len({Noisy(0, 0.1), Noisy(0, 0.1), Noisy(1, 0.1), Noisy(0, 0.1, "normal")}) == 3


def test_an_average_is_the_mean_of_its_views(pictures: Tensor, tmp_path: Path) -> None:
    """Each of them shown once for all who ask, itself and inside of two averages."""
    parts: tuple[Noisy | NoisyWeights, ...] = (Noisy(0, 0.02), Noisy(1, 0.02), NoisyWeights(0, 0.1))
    kept: dict[str, Seen] = {}

    @metric(
        "keeps",
        higher_is_better=True,
        needs=("reexplain", "map"),
        views=lambda: [*parts, Averaged(parts), Averaged(parts[:2])],
        protocols={"first": {}},
        unit="none",
    )
    def keeps(seen: Seen) -> Scored:
        """Nothing; it lets a test see."""
        kept["seen"] = seen
        return Scored(seen.map.double().mean((1, 2)))

    try:
        work = done(pictures, tmp_path, methods=["gradcam"], metrics=["keeps"]).info["work"]
    finally:
        METRICS.remove("keeps")
    assert work["backwards"] == 4 * (1 + 3)
    reexplained = kept["seen"].reexplained
    for view in (Averaged(parts), Averaged(parts[:2])):
        alone, mean = [reexplained[part] for part in view.views], reexplained[view]
        for name in ("map", "probability", "logit", "distance"):
            expected = torch.stack([getattr(single, name).double() for single in alone]).mean(0)
            torch.testing.assert_close(getattr(mean, name), expected, atol=1e-12, rtol=0)
        assert mean.kept.tolist() == torch.stack([single.kept for single in alone]).all(0).tolist()
        assert mean.statuses == ("ok",) * 4


def test_an_average_lacks_what_one_of_its_views_lacks(pictures: Tensor, tmp_path: Path) -> None:
    odd = pictures.clamp(-0.5, 0.5)
    odd[2, 0, 0, 0] = 1  # so that noise moves it
    network = seeded(lambda: Touchy("fails"))
    average = {"name": "says", "which": len(VIEWS) - 1}
    results = done(odd, tmp_path, models={"net": network}, methods=["gradcam"], metrics=[average]).results
    bad = results[results["status"] != "ok"]
    assert set(bad["sample"]) == {"0002"}
    assert bad["reason"].str.startswith("on Noisy(index=0, radius=0.02, kind='uniform'): the network failed").all()
