"""Scoring: the same numbers as one image at a time, equal probes once, every forward counted; and the prepared copy."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import Tensor

from benchbench.evaluation.probe_scores import score_probes
from benchbench.maps.normalise import minmax, upsample
from benchbench.network.fast_copy import TOLERANCE, fold_batch_norm, prepare
from benchbench.network.masked_scores import score_masked
from benchbench.network.scorer import Scorer
from benchbench.perturbation.apply_probe import ranks
from benchbench.types.probes import Filled, Keep, Multiply, Probe, Remove, Whole

from ..helpers import pixels
from ..narrow import narrow
from ..networks import Flat, Pooled, calibrated, seeded


def test_answers_equal_a_softmax_by_hand(images: Tensor) -> None:
    network = seeded(Pooled)
    targets = torch.tensor([0, 1, 2, 3, 4, 5])
    answer = Scorer(network, 4).answer(images, targets)
    with torch.no_grad():
        logits = network(images)
    rows = torch.arange(6)
    torch.testing.assert_close(answer.logit, logits[rows, targets])
    torch.testing.assert_close(answer.probability, logits.softmax(1)[rows, targets])
    assert answer.correct.tolist() == (logits.argmax(1) == targets).float().tolist()


def test_equal_probes_are_scored_once(images: Tensor) -> None:
    network, batch = seeded(Pooled), 4
    maps = list(torch.rand(3, len(images), 8, 8, generator=torch.Generator().manual_seed(0)))
    probes: list[Probe] = [
        Whole(),
        Remove(0.0),
        Remove(0.5),
        Remove(1.0),
        Keep(0.0),
        Keep(0.5, "blur"),
        Remove(0.5),
        Multiply(),
    ]
    scorer = Scorer(network, batch)
    scores = score_probes(scorer, pixels(images), torch.zeros(6, dtype=torch.long), maps, probes)
    assert set(scores) == {Whole(), Filled("zero"), Remove(0.5), Keep(0.5, "blur"), Multiply()}
    assert scorer.passes.forwards == 6 * 2 + 6 * 3 * 3, "two probes need no map, three need each of the three maps"
    assert scorer.passes.probes_scored == scorer.passes.forwards
    assert scorer.passes.probes_asked == 8 * 3 * 6


def test_probes_equal_one_picture_at_a_time(images: Tensor) -> None:
    network = seeded(Pooled)
    targets = torch.tensor([1, 1, 2, 2, 3, 3])
    maps = torch.rand(2, len(images), 64, 64, generator=torch.Generator().manual_seed(0))
    maps = torch.stack([minmax(m) for m in maps])
    scores = score_probes(
        Scorer(network, 5), pixels(images), targets, list(maps), [Remove(0.25, "zero", "least"), Multiply()]
    )
    for m in range(2):
        for b in range(6):
            gone = ranks(maps[m, b][None], "least")[0] < 1024
            with torch.no_grad():
                removed = network((images[b] * ~gone)[None])[0, targets[b]]
                product = network((images[b] * maps[m, b])[None])[0, targets[b]]
            torch.testing.assert_close(scores[Remove(0.25, "zero", "least")].logit[m, b], removed, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(scores[Multiply()].logit[m, b], product, rtol=1e-4, atol=1e-5)


def test_masked_scores_share_the_forward_of_dead_masks(images: Tensor) -> None:
    network = seeded(Pooled)
    targets = torch.arange(6)
    masks = torch.rand(6, 5, 8, 8, generator=torch.Generator().manual_seed(0))
    masks[:, 1] = 0.3
    masks[2, 4] = 0
    scorer = Scorer(network, 4)
    logits = score_masked(scorer, images, targets, masks).logit
    assert scorer.passes.forwards == (6 * 5 - 7) + 6
    for b in range(6):
        for k in range(5):
            dead = float(masks[b, k].max() - masks[b, k].min()) == 0
            mask = torch.zeros(1, 64, 64) if dead else minmax(upsample(masks[b, k][None], (64, 64)))
            with torch.no_grad():
                expected = network((images[b] * mask)[None])[0, targets[b]]
            torch.testing.assert_close(logits[b, k], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["resnet18", "mobilenet_v3_small", "densenet121", "vgg11_bn", "googlenet", "regnet_y_400mf"]
)
def test_the_prepared_copy_gives_the_same_logits(name: str, images: Tensor) -> None:
    network = calibrated(narrow(name, 9))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    prepared = prepare(network, images)
    assert prepared.used
    assert prepared.difference is not None
    assert prepared.difference <= TOLERANCE
    assert prepared.network is not network
    assert not prepared.reason.startswith("0 batch norms")
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])


def test_timm_s_batch_norm_with_activation_is_folded(images: Tensor) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = calibrated(timm.create_model("tf_efficientnet_lite0", num_classes=5))
    prepared = prepare(network, images)
    assert prepared.used
    assert prepared.reason.startswith("49 batch norms")


def test_a_copy_that_is_wrong_is_not_used(images: Tensor) -> None:
    class Shared(Pooled):
        """The convolution's output goes around the batch norm too, so folding it changes the logits."""

        def forward(self, x: Tensor) -> Tensor:
            raw = self.stage1[0](x)
            logits: Tensor = self.fc(self.pool(self.relu(self.conv(self.stage1[1](raw) + raw))).flatten(1))
            return logits

    network = seeded(Shared)
    prepared = prepare(network, images)
    assert not prepared.used
    assert prepared.network is network
    assert "differ" in prepared.reason


def test_a_network_that_cannot_be_copied_is_scored_as_it_is(images: Tensor) -> None:
    network = seeded(Flat)
    network.__dict__["handle"] = (i for i in range(3))  # a generator cannot be copied
    prepared = prepare(network, torch.zeros(1, 3, 64, 64))
    assert not prepared.used
    assert "copy failed" in prepared.reason


def test_folding_needs_both_to_run_once(images: Tensor) -> None:
    class Twice(Pooled):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + super().forward(x.flip(3))

    network = seeded(Twice)
    assert fold_batch_norm(network, images[:1]) == 0
