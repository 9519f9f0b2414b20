"""A scored network: of one number per image it has one target; of logits it is a classifier like any other."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import benchbench as bb
from benchbench.attribution.layer_services import capture_batch
from benchbench.errors import BenchError
from benchbench.models.load import fingerprint
from benchbench.network.capture import capture
from benchbench.network.custom_score import is_scored, scored
from benchbench.network.scorer import Scorer

from ..networks import Flat, Pooled, seeded


@dataclass
class Output:
    """As transformers' classifiers return them."""

    logits: Tensor
    hidden: Tensor | None = None


class Hugging(Pooled):
    """Pooled, with its logits in a record; the same modules and weights."""

    def forward(self, images: Tensor) -> Output:  # type: ignore[override]
        return Output(super().forward(images))


class Keyed(Pooled):
    """Pooled, with its logits in a dictionary."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        return {"out": super().forward(images), "aux": images}


def of_record(output: Output) -> Tensor:
    return output.logits


def of_key(output: dict[str, Tensor]) -> Tensor:
    return output["out"]


def balanced(kind: type[Pooled]) -> Pooled:
    """The network with a bias that has it see several classes in the images of the tests."""
    network = seeded(kind)
    with torch.no_grad():
        network.fc.bias.copy_(torch.tensor([0.0811, 0.0218, -0.0419, -0.0480, -0.0569, 0.0501, 0.0929]))
    return network


WRAPPED: dict[str, Any] = {
    "record": lambda: scored(balanced(Hugging), of_record),
    "key": lambda: scored(balanced(Keyed), of_key),
    "itself": lambda: scored(balanced(Pooled), lambda logits: logits),
    "twice": lambda: scored(scored(balanced(Hugging), of_record), lambda logits: logits * 1),
}
TARGETS: list[Any] = [None, "predicted", 4, "top-3", "2-5", torch.tensor([6, 5, 4, 3, 2, 1]), [[1, 2]] * 6]


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("kind", WRAPPED)
def test_explained_as_the_plain_network(kind: str, target: Any, images: Tensor) -> None:
    plain, wrapped = balanced(Pooled), WRAPPED[kind]()
    assert len(set(plain(images).argmax(1).tolist()) - {0}) > 1, "the images are of several classes, not class 0 alone"
    for method in ("gradcam", "scorecam"):
        expected = bb.explain(plain, images, method=method, layer="relu", target=target)
        assert torch.equal(bb.explain(wrapped, images, method=method, layer="relu", target=target), expected)
    assert not is_scored(wrapped)


def test_cam_and_labels_of_a_scored_classifier(images: Tensor) -> None:
    """Its head is seen where the score hands the logits out as they are."""
    plain, wrapped = balanced(Pooled), WRAPPED["record"]()
    labels = [6, 0, 1, 2, 3, 4]
    for method in ("cam", "gradcam"):
        expected = bb.explain(plain, images, method=method, layer="relu", target="label", labels=labels)
        maps = bb.explain(wrapped, images, method=method, layer="relu", target="label", labels=labels)
        assert torch.equal(maps, expected)


@pytest.mark.parametrize("target", ["predicted", "label", 4, "top-2", "2-5", (1, 4)])
def test_studied_as_the_plain_network(target: Any, images: Tensor, tmp_path: Path) -> None:
    """Every number of a study is that of the plain network: maps, faithfulness, other targets, passes, accuracy."""

    def table(network: nn.Module, out: str) -> tuple[pd.DataFrame, Any]:
        run = bb.Study(
            models={"net": network},
            datasets={"d": (images, [6, 0, 1, 2, 3, 4])},
            layers=["relu"],
            methods=["gradcam", "ablationcam", "random"],
            metrics=["deletion", "average_drop", "class_contrast", "passes"],
            target=target,
        ).run(tmp_path / out, report=False)
        key = ["dataset", "sample", "method", "metric"]
        return run.table.sort_values(key).reset_index(drop=True), run

    (plain, plain_run), (wrapped, wrapped_run) = table(balanced(Pooled), "plain"), table(WRAPPED["record"](), "wrapped")
    assert (plain["status"] != "failed").all()
    assert (plain.loc[plain["metric"].isin(["deletion", "passes"]), "status"] == "ok").all()
    pd.testing.assert_frame_equal(wrapped, plain)
    assert wrapped_run.record.info["accuracy"] == plain_run.record.info["accuracy"]
    pd.testing.assert_frame_equal(
        wrapped_run.record.photos.drop(columns="file", errors="ignore"),
        plain_run.record.photos.drop(columns="file", errors="ignore"),
    )


def test_targets_are_checked_as_the_plain_network_s(images: Tensor, tmp_path: Path) -> None:
    wrapped = WRAPPED["record"]()
    for target, message in ((7, "not one of"), ("top-8", "7 classes"), ("2-9", "class 9 is not one")):
        with pytest.raises(BenchError, match=message):
            bb.explain(wrapped, images, layer="relu", target=target)
        with pytest.raises(BenchError, match=message):
            bb.Study(
                models={"net": wrapped}, datasets={"d": images}, layers=["relu"], methods=["gradcam"],
                metrics=["deletion"], target=target,
            ).run(tmp_path, report=False)  # fmt: skip


@pytest.mark.parametrize("target", [1, "label", "top-2", "0-1", (0, 1)])
def test_one_number_is_one_target(target: Any, images: Tensor, tmp_path: Path) -> None:
    """Of two outputs (s, 0) nobody can ask for the second: not by class, nor by difference, nor in a list."""
    network = scored(seeded(Pooled), lambda logits: logits[:, 3])
    with pytest.raises(BenchError, match="its score is the target"):
        bb.explain(network, images, layer="relu", target=list(target) * 3 if isinstance(target, tuple) else target)
    with pytest.raises(BenchError, match="its score is the target"):
        bb.Study(
            models={"net": network}, datasets={"d": (images, [0] * 6)}, layers=["relu"], methods=["gradcam"],
            metrics=["deletion"], target=target,
        ).run(tmp_path, report=False)  # fmt: skip
    word = bb.explain(network, images, layer="relu", target="predicted")
    assert torch.equal(word, bb.explain(network, images, layer="relu"))
    torch.testing.assert_close(word, bb.explain(seeded(Pooled), images, layer="relu", target=3), atol=1e-5, rtol=0)


def test_what_a_network_is_must_be_known_before_it_is_asked(images: Tensor) -> None:
    network = scored(seeded(Pooled), lambda logits: logits)
    with pytest.raises(BenchError, match="has not run yet"):
        is_scored(network)
    network(images)
    assert not is_scored(network)
    assert not is_scored(copy.deepcopy(network))
    single = scored(seeded(Pooled), lambda logits: logits[:, 0])
    twin = copy.deepcopy(single)
    twin(images)
    assert is_scored(single), "a copy has the same score"
    assert not is_scored(seeded(Pooled))


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (lambda z: z if len(z) == 1 else z[:, 0], "logits of 7 classes before, and now one number per image"),
        (lambda z: z[:, 0] if len(z) == 1 else z, "one number per image before, and now logits of 7 classes"),
        (lambda z: z[:, : 2 + len(z)], "logits of 3 classes before, and now logits of 7 classes"),
    ],
)
def test_a_score_that_changes_its_kind(score: Any, message: str, images: Tensor) -> None:
    with pytest.raises(BenchError, match=message):
        bb.explain(scored(seeded(Pooled), score), images, layer="relu")


@pytest.mark.parametrize("score", [lambda z: z.squeeze()[:1], lambda z: z[:, 0].squeeze(), lambda z: z.sum(1)[:0]])
def test_a_score_of_another_number_of_rows(score: Any, images: Tensor) -> None:
    """What ``squeeze`` makes of one image is no row per image."""
    with pytest.raises(BenchError, match=r"where one number per image \(B,\) is needed, or logits"):
        bb.explain(scored(seeded(Pooled), score), images, layer="relu")


def test_one_column_says_the_way_out(images: Tensor) -> None:
    with pytest.raises(BenchError, match=r"\(6, 1\) for 6 images.*Return its column, \[:, 0\]"):
        scored(seeded(Pooled), lambda logits: logits[:, :1])(images)


def test_the_network_behind_a_layer_is_cut_as_the_plain_network_s(images: Tensor) -> None:
    """Recipro-CAM and Ablation-CAM run what is behind the layer alone, whatever the score."""
    for wrapped in (scored(seeded(Flat), lambda z: z), scored(seeded(Flat), lambda z: z[:, 2])):
        wrapped(images)
        scorer = Scorer(wrapped, 16)
        captured = capture_batch(wrapped, scorer, images, ["features"], lambda z: z.argmax(1), gradient=False)
        layer = captured.layer("features", tuple(range(6)))
        expected = capture(wrapped, images, [], lambda z: z.argmax(1), gradient=False).logits
        torch.testing.assert_close(layer.rest(layer.activation), expected, rtol=1e-5, atol=1e-6)
        assert scorer.passes.rests == 6


def test_scores_of_scores_are_told_apart() -> None:
    """The inner score counts, though the outer one is the same."""

    def times(k: int) -> Callable[[Tensor], Tensor]:
        return lambda z: z * k

    inner = [scored(seeded(Pooled), times(k)) for k in (1, 2)]
    outer = [scored(network, of_first) for network in inner]
    assert len({fingerprint(network) for network in [*inner, *outer]}) == 4


def of_first(logits: Tensor) -> Tensor:
    return logits[:, 0]
