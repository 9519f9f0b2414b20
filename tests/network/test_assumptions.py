"""What a network does not keep is said loudly: on the terminal, in run.json and in the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import benchbench as bb
from benchbench.engine.cautions import Classified, of_labels
from benchbench.engine.progress import Silent
from benchbench.network.assumptions import broken_promises
from benchbench.testing.method_contract import Small, seeded


class Dropping(Small):
    """Functional dropout without ``training=self.training``: eval() does not reach it."""

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(F.dropout(self.relu(self.conv(self.stage1(images))).mean((2, 3)), 0.5))
        return logits


class OfTheBatch(Small):
    """Batch norm without running statistics: an image's logits depend on the images beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1[1] = nn.BatchNorm2d(6, track_running_stats=False)


class Stubborn(Small):
    """Its train() ignores eval(): dropout stays on."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.drop(self.relu(self.conv(self.stage1(images))).mean((2, 3))))
        return logits

    def train(self, mode: bool = True) -> Stubborn:
        super().train(True)
        return self


class Harmless(Stubborn):
    """Stays in training mode too, which changes nothing: it says so, and no more."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1[1] = nn.Identity()
        self.drop = nn.Dropout(0.0)


class Ended(Small):
    def __init__(self, end: nn.Module) -> None:
        super().__init__()
        self.end = end

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.end(super().forward(images))
        return logits


class Half(Small):
    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return super().forward(images)


BROKEN: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "functional dropout": (lambda: seeded(Dropping), "not deterministic"),
    "batch statistics": (lambda: seeded(OfTheBatch), "depends on the batch"),
    "a train that ignores eval": (lambda: seeded(Stubborn), "not deterministic"),
    "training mode without effect": (lambda: seeded(Harmless), "ignores eval"),
    "softmax": (lambda: seeded(lambda: Ended(nn.Softmax(1))), "sum to 1"),
    "sigmoid": (lambda: seeded(lambda: Ended(nn.Sigmoid())), "probability: sigmoid"),
    "sigmoid, then a new shape": (lambda: seeded(lambda: Ended(nn.Sequential(nn.Sigmoid(), nn.Flatten()))), "sigmoid"),
    "autocast": (lambda: seeded(Half), "bfloat16"),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("count", [1, 4])
def test_a_promise_that_is_not_kept(kind: str, count: int, images: Tensor) -> None:
    build, words = BROKEN[kind]
    (warning,) = broken_promises("net", build(), images[:count])
    assert warning.startswith("net ")
    assert words in warning
    if kind == "a train that ignores eval":
        assert "leaves" in warning
        assert "in training mode" in warning


@pytest.mark.parametrize("count", [1, 4])
def test_a_network_that_keeps_them_is_not_talked_about(count: int, images: Tensor) -> None:
    assert broken_promises("net", seeded(Small), images[:count]) == []


def test_a_network_of_one_image_at_a_time_keeps_them(images: Tensor) -> None:
    class Alone(Small):
        def forward(self, images: Tensor) -> Tensor:
            if len(images) > 1:
                raise ValueError("one at a time")
            return super().forward(images)

    assert broken_promises("net", seeded(Alone), images[:1]) == []


class Heard(Silent):
    def __init__(self) -> None:
        self.words: list[str] = []

    def warn(self, what: str) -> None:
        self.words.append(what)


def run(network: nn.Module, data: Any, folder: Path, *, report: bool = False, **keys: Any) -> tuple[bb.Run, list[str]]:
    heard = Heard()
    study = bb.Study(
        **{
            "models": {"net": network},
            "datasets": {"d": data},
            "layers": ["relu"],
            "methods": ["gradcam"],
            "metrics": ["average_drop"],
            **keys,
        }
    )
    return study.run(folder, progress=heard, report=report), heard.words


@pytest.mark.parametrize("kind", ["functional dropout", "batch statistics", "sigmoid"])
def test_it_is_said_on_terminal_and_report(kind: str, images: Tensor, tmp_path: Path) -> None:
    build, words = BROKEN[kind]
    done, heard = run(build(), images, tmp_path, report=True)
    assert any(words in warning for warning in heard)
    assert any(words in warning for warning in done.record.info["warnings"])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert words in page
    assert "net: net " not in page


def labels_of(network: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        labels: Tensor = network(images).argmax(1)
    return labels


def many(count: int) -> Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(3)) * 2


def test_labels_that_are_none_of_the_classes(tmp_path: Path) -> None:
    data = many(12)
    for name, labels, words in (
        ("beyond", torch.arange(12) + 7, "12 of 12 labels of d are none of the 7 classes of net (0 to 6). Are they"),
        (
            "one-based",
            torch.arange(12) % 7 + 1,
            "1 of 12 labels of d are none of the 7 classes of net (0 to 6). If they count",
        ),
    ):
        _, heard = run(seeded(Small), (data, labels), tmp_path / name)
        assert any(words in warning for warning in heard), heard


def test_labels_that_are_never_or_hardly_right(tmp_path: Path) -> None:
    network, data = seeded(Small), many(24)
    right = labels_of(network, data)
    wrong = (right + 1) % 7
    hardly = torch.where(torch.arange(24) < 4, right, wrong)  # 4 of 24 among 7 classes are chance
    often = torch.where(torch.arange(24) < 12, right, wrong)
    for name, labels, words in (
        ("never", wrong, ["net predicts none of 24 labels of d"]),
        ("hardly", hardly, ["not significantly better than chance among 7 classes"]),
        ("often", often, []),
        ("right", right, []),
    ):
        done, heard = run(network, (data, labels), tmp_path / name, samples=24)
        for word in words:
            assert any(word in warning for warning in heard), (name, heard)
            assert any(word in warning for warning in done.record.info["warnings"])
        assert words or not heard, (name, heard)


@pytest.mark.parametrize(
    ("labels", "right", "classes", "words"),
    [
        (7, 1, 7, "1 (14%) of 7 labels of d: not significantly better than chance among 7 classes"),
        (7, 4, 7, ""),
        (4, 0, 7, ""),  # too few to tell
        (5, 0, 1000, "predicts none of 5 labels"),
        (5, 1, 1000, ""),
        (9, 3, 2, ""),  # of two classes, 7 of 9 would not be significant
        (10, 0, 2, "predicts none of 10 labels"),
        (16, 8, 2, "8 (50%) of 16 labels of d: not significantly"),
        (16, 12, 2, ""),
    ],
)
def test_chance_is_judged_where_there_are_enough_labels(labels: int, right: int, classes: int, words: str) -> None:
    answers = [Classified(0, 0 if i < right else 1) for i in range(labels)]
    heard = of_labels("net", "d", answers, classes)
    assert [words in sentence for sentence in heard] == [True] * bool(words), heard


def test_images_of_0_to_255(images: Tensor, tmp_path: Path) -> None:
    bright = (images - images.min()) / (images.max() - images.min()) * 255
    _, heard = run(seeded(Small), bright, tmp_path / "bright")
    assert any("of d have values up to" in warning for warning in heard)
    _, heard = run(seeded(Small), images, tmp_path / "normalised")
    assert heard == []


def test_metrics_of_masks_without_a_mask_are_refused_before_anything_runs(images: Tensor, tmp_path: Path) -> None:
    none: list[Tensor | None] = [None] * 6
    for data in (images, (images, [0] * 6), (images, [0] * 6, none)):
        with pytest.raises(bb.BenchError, match=r"pointing_game@.* needs masks or boxes, and d has none"):
            run(seeded(Small), data, tmp_path, metrics=["pointing_game", "average_drop"])
    assert not (tmp_path / "results.parquet").exists()
    mask = torch.zeros(64, 64, dtype=torch.bool)
    mask[:32] = True
    data = (images, [0] * 6, [*none[1:], mask])
    keys: dict[str, Any] = {"metrics": ["pointing_game"], "target": "label"}
    done, _ = run(seeded(Small), data, tmp_path / "masked", **keys)
    assert sorted(done.table.query("metric == 'pointing_game'")["status"]) == ["not_applicable"] * 5 + ["ok"]


class Scans:
    """A dataset of one's own, which does not say whether it has masks."""

    name = "own"
    about: ClassVar[dict[str, str]] = {}
    ids = ("a", "b")

    def __init__(self, mask: Tensor | None) -> None:
        self.mask = mask

    def __getitem__(self, index: int) -> bb.Sample:
        return bb.Sample(self.ids[index], many(2)[index], 0, self.mask if index else None)

    def fingerprint(self, index: int) -> str:
        return str(index)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (["iou"], r"iou@held-out-255 needs masks, and d has none\..* leave the metric out"),
        (
            ["iou", "pxap"],
            r"iou@held-out-255 and pxap@wsol-1000 need masks, and d has none\..* leave these metrics out",
        ),
    ],
)
def test_several_metrics_without_truth_are_named_in_one_sentence(
    metrics: list[str], message: str, images: Tensor, tmp_path: Path
) -> None:
    with pytest.raises(bb.BenchError, match=message):
        run(seeded(Small), (images, [0] * 6), tmp_path, metrics=metrics)


def test_a_dataset_that_does_not_say_is_read(tmp_path: Path) -> None:
    with pytest.raises(bb.BenchError, match="needs masks"):
        run(seeded(Small), Scans(None), tmp_path, metrics=["pointing_game"])
    mask = torch.zeros(32, 32, dtype=torch.bool)
    mask[:8] = True
    done, _ = run(seeded(Small), Scans(mask), tmp_path, metrics=["pointing_game"], target="label")
    assert sorted(done.table.query("metric == 'pointing_game'")["status"]) == ["not_applicable", "ok"]


def test_logits_that_are_no_numbers_explain_nothing(images: Tensor) -> None:
    class Broken(Small):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images) * torch.nan

    with pytest.raises(bb.BenchError, match="answer of image 0 has values that are not finite"):
        bb.explain(seeded(Broken), images[:2], method="eigencam", layer="relu")


def test_a_score_by_sigmoid(images: Tensor, tmp_path: Path) -> None:
    network = seeded(Small)
    done, _ = run(network, images, tmp_path / "sigmoid", metrics=["average_drop", "deletion"], score="sigmoid")
    with torch.no_grad():
        logits = network(images)
    target = logits.argmax(1)
    whole = logits.sigmoid().gather(1, target[:, None])[:, 0]
    maps = bb.explain(network, images, method="gradcam", layer="relu")
    with torch.no_grad():
        masked = network(images * maps).sigmoid().gather(1, target[:, None])[:, 0]
    expected = ((whole - masked).clamp_min(0) / whole).tolist()
    table = done.table.query("metric == 'average_drop'").sort_values("sample")
    assert table["value"].tolist() == pytest.approx(expected, abs=1e-4)
    starts = done.record.curves.query("metric == 'deletion' and x == 0").sort_values("sample")["y"].tolist()
    assert starts == pytest.approx(whole.tolist(), abs=1e-4)


def test_a_metric_of_masks_names_its_protocol_of_boxes(images: Tensor, tmp_path: Path) -> None:
    boxes = [torch.tensor([[4.0, 4.0, 20.0, 20.0]])] * 2
    data = {"images": images[:2], "labels": [0, 1], "boxes": boxes}
    study = bb.Study(models={"m": seeded(Small)}, datasets={"d": data}, methods=["random"],
                     metrics=["energy_pointing_game"])  # fmt: skip
    with pytest.raises(bb.BenchError, match="The data have boxes, which energy_pointing_game@scorecam-box takes"):
        study.run(tmp_path / "run", report=False)
