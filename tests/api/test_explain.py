"""The Python faces: explain, Study.run and Run."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, SubsetRandomSampler
from torch.utils.data import Dataset as TorchDataset

import benchbench as bb
from benchbench.datasets import as_dataset

from ..helpers import map_of
from ..networks import Flat, Pooled, seeded


def test_explain_equals_the_method_upsampled(images: Tensor) -> None:
    network = seeded(Pooled).train()
    maps = bb.explain(network, images, method="gradcam++", layer="conv", alpha="spatial-sum")
    assert network.training
    assert maps.shape == (6, 1, 64, 64)
    assert torch.equal(maps.amin((2, 3)), torch.zeros(6, 1))
    assert torch.equal(maps.amax((2, 3)), torch.ones(6, 1))
    raw = map_of("gradcam++", network, images, "conv", alpha="spatial-sum")
    large = torch.nn.functional.interpolate(raw[:, None], size=64, mode="bilinear")
    low, high = large.amin((2, 3), keepdim=True), large.amax((2, 3), keepdim=True)
    torch.testing.assert_close(maps, (large - low) / (high - low))


def test_explain_a_class_or_one_per_image(images: Tensor) -> None:
    network = seeded(Pooled)
    classes = torch.tensor([0, 1, 2, 3, 4, 5])
    each = bb.explain(network, images, layer="conv", target=classes)
    for i in range(6):
        alone = bb.explain(network, images[i : i + 1], layer="conv", target=int(classes[i]))
        torch.testing.assert_close(each[i], alone[0], atol=1e-5, rtol=0)


def test_explain_says_what_is_wrong(images: Tensor) -> None:
    network = seeded(Pooled)
    with pytest.raises(bb.BenchError, match=r"unknown method 'gradcan'. Did you mean 'gradcam'"):
        bb.explain(network, images, method="gradcan")
    with pytest.raises(bb.BenchError, match=r"no layer 'con'"):
        bb.explain(network, images, layer="con")
    with pytest.raises(bb.BenchError, match=r"has no parameter 'beta'"):
        bb.explain(network, images, beta=3)
    with pytest.raises(bb.BenchError, match=r"not one of the network's 7 classes"):
        bb.explain(network, images, target=7)
    with pytest.raises(bb.BenchError, match=r"Give \(B, channels, H, W\): images\[None\]"):
        bb.explain(network, images[0])
    with pytest.raises(bb.NotApplicable, match=r"global average pooling"):
        bb.explain(seeded(Flat), images, method="cam")


def test_a_study_in_python(images: Tensor, tmp_path: Path) -> None:
    run = bb.Study(
        models={"mine": seeded(Pooled)},
        datasets={"val": (images, [0] * 6)},
        layers=["relu"],
        methods=["gradcam", "scorecam", "random"],
        metrics=["deletion", "insertion"],
    ).run(tmp_path / "mine", report=False)
    assert len(run.table) == 6 * 3 * 2
    assert run.failed == 0
    board = run.leaderboard()
    row = board[(board["method"] == "gradcam") & (board["metric"] == "deletion")].iloc[0]
    rows = run.table[(run.table["method"] == "gradcam") & (run.table["metric"] == "deletion")]
    assert row["mean"] == pytest.approx(rows["value"].mean())
    assert row["low"] <= row["mean"] <= row["high"]
    assert run.report() == tmp_path / "mine" / "report.html"
    again = bb.Run.load(tmp_path / "mine")
    assert again.table.equals(run.table)
    with pytest.raises(bb.BenchError, match=r"not the folder of a finished run"):
        bb.Run.load(tmp_path / "other")


def test_names_are_all_there() -> None:
    for name in bb.__all__:
        assert getattr(bb, name) is not None
    with pytest.raises(AttributeError, match=r"no attribute 'study_'"):
        _ = bb.study_


@pytest.mark.parametrize("method", ["gradcam", "scorecam", "random"])
def test_several_classes_of_each_image(images: Tensor, method: str) -> None:
    network = seeded(Flat)
    targets = torch.tensor([[0, 3], [1, 1], [4, 2], [0, 1], [2, 3], [3, 4]])
    maps = bb.explain(network, images, method=method, layer="features", target=targets)
    assert maps.shape == (6, 2, 64, 64)
    for t in range(2):
        alone = bb.explain(network, images, method=method, layer="features", target=targets[:, t])
        torch.testing.assert_close(maps[:, t : t + 1], alone, atol=1e-5, rtol=0)


def test_several_classes_share_score_cam_s_forwards(images: Tensor) -> None:
    network = seeded(Flat)
    seen: list[int] = []
    network.register_forward_hook(lambda _m, inputs, _o: seen.append(len(inputs[0])))
    bb.explain(network, images[:2], method="scorecam", layer="features", target=torch.tensor([[0], [1]]))
    forwards = sum(seen)
    seen.clear()
    bb.explain(network, images[:2], method="scorecam", layer="features", target=torch.tensor([[0, 1, 2], [1, 2, 3]]))
    assert sum(seen) == forwards + 2 * 2, "only the capture sees more rows"


class Batch(UserDict[str, Any]):
    """As transformers' processors return a batch."""


LABELS = [6, 0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("target", "rule"),
    [
        ("predicted", lambda z: z.argmax(1)),
        (None, lambda z: z.argmax(1)),
        ("top-2", lambda z: z.topk(2).indices[:, 1]),
        ("label", lambda z: torch.tensor(LABELS)),
        (np.int64(3), lambda z: torch.full((6,), 3)),
        (torch.tensor(3), lambda z: torch.full((6,), 3)),
        (LABELS, lambda z: torch.tensor(LABELS)),
        (np.array(LABELS, np.uint8), lambda z: torch.tensor(LABELS)),
        (torch.tensor(LABELS, dtype=torch.int8), lambda z: torch.tensor(LABELS)),
        (tuple(np.int32(c) for c in LABELS), lambda z: torch.tensor(LABELS)),
        (nn.functional.one_hot(torch.tensor(LABELS), 7), lambda z: torch.tensor(LABELS)),
        (nn.functional.one_hot(torch.tensor(LABELS), 7).bool().numpy(), lambda z: torch.tensor(LABELS)),
        (nn.functional.one_hot(torch.tensor(LABELS), 7).double().tolist(), lambda z: torch.tensor(LABELS)),
    ],
    ids=[f"rule{i}" for i in range(13)],
)
def test_targets_by_word_and_by_number(target: Any, rule: Any, images: Tensor) -> None:
    """Against the classes themselves."""
    network = seeded(Pooled)
    labels = LABELS if isinstance(target, str) and target == "label" else None
    expected = bb.explain(network, images, layer="relu", target=rule(network(images)))
    assert torch.equal(bb.explain(network, images, layer="relu", target=target, labels=labels), expected)


def test_a_difference_is_of_the_logits(images: Tensor) -> None:
    network = seeded(Pooled)
    first, second = (map_of("hirescam", network, images, "relu", torch.full((6,), c), rectified=False) for c in (2, 5))
    large = nn.functional.interpolate(torch.relu(first - second)[:, None], 64, mode="bilinear")
    low, high = large.amin((2, 3), keepdim=True), large.amax((2, 3), keepdim=True)
    maps = bb.explain(network, images, method="hirescam", layer="relu", target="2-5")
    torch.testing.assert_close(maps, (large - low) / (high - low), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        np.array(LABELS),
        torch.tensor(LABELS),
        torch.tensor(LABELS)[:, None],
        nn.functional.one_hot(torch.tensor(LABELS), 7),
        nn.functional.one_hot(torch.tensor(LABELS), 7).float().numpy(),
        nn.functional.one_hot(torch.tensor(LABELS), 7).tolist(),
    ],
    ids=lambda labels: type(labels).__name__,
)
def test_labels_in_any_form_are_those_of_a_study(labels: Any, images: Tensor, tmp_path: Path) -> None:
    network = seeded(Pooled)
    expected = bb.explain(network, images, layer="relu", target=torch.tensor(LABELS))
    assert torch.equal(bb.explain(network, images, layer="relu", target="label", labels=labels), expected)
    assert torch.equal(bb.explain(network, (images, labels), layer="relu", target="label"), expected)
    dataset = as_dataset("d", (images, labels))
    assert [dataset[i].label for i in range(6)] == LABELS


class Items(TorchDataset[Any]):
    """Of pairs or of mappings."""

    def __init__(self, images: Tensor, *, mapping: bool = False) -> None:
        self.images, self.mapping = images, mapping

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Any:
        if self.mapping:
            return {"image": self.images[i].numpy(), "label": np.int64(LABELS[i])}
        return self.images[i], LABELS[i]


FORMS: dict[str, Any] = {
    "array": lambda x: x.numpy(),
    "reversed": lambda x: x.flip(0).numpy()[::-1],
    "double": lambda x: x.double().numpy(),
    "list": list,
    "list of arrays": lambda x: [image.numpy() for image in x],
    "pair": lambda x: (x, LABELS),
    "batch": lambda x: next(iter(DataLoader(Items(x), batch_size=6))),
    "mapping": lambda x: {"pixel_values": x.numpy(), "labels": LABELS},
    "features": lambda x: Batch(images=x),
    "batch of mappings": lambda x: next(iter(DataLoader(Items(x, mapping=True), batch_size=6))),
    "loader": lambda x: DataLoader(Items(x), batch_size=4),
    "loader of mappings": lambda x: DataLoader(Items(x, mapping=True), batch_size=4),
}


@pytest.mark.parametrize("form", FORMS)
def test_images_in_any_form(form: str, images: Tensor) -> None:
    """The same maps as of a tensor, and the same samples for a study."""
    network, data = seeded(Pooled), FORMS[form](images)
    torch.testing.assert_close(
        bb.explain(network, data, layer="relu"), bb.explain(network, images, layer="relu"), rtol=1e-4, atol=1e-5
    )
    dataset = as_dataset("d", data)
    samples = [dataset[i] for i in range(len(dataset.ids))]
    assert torch.equal(torch.stack([s.image for s in samples if isinstance(s.image, Tensor)]), images)
    assert [s.label for s in samples] in (LABELS, [None] * 6)
    labelled = form in ("pair", "batch", "mapping", "batch of mappings", "loader", "loader of mappings")
    assert ([s.label for s in samples] == LABELS) is labelled
    if labelled:
        expected = bb.explain(network, images, layer="relu", target=torch.tensor(LABELS))
        shown = bb.explain(network, data, layer="relu", target="label")
        torch.testing.assert_close(shown, expected, rtol=1e-4, atol=1e-5)


def test_layers_by_name_by_module_and_by_word(images: Tensor) -> None:
    network = seeded(Pooled)
    alone = {name: bb.explain(network, images, layer=name) for name in ("stage1", "conv", "relu")}
    assert torch.equal(bb.explain(network, images, layer=network.conv), alone["conv"])
    assert torch.equal(bb.explain(network, images, layer="last"), alone["relu"])
    several = bb.explain(network, images, layer=["stage1", network.conv, "last"])
    assert list(several) == ["stage1", "conv", "relu"]
    for name, maps in several.items():
        torch.testing.assert_close(maps, alone[name], rtol=1e-4, atol=1e-5)
    stages = bb.explain(network, images, layer="stages")
    assert list(stages) == ["stage1", "relu"]
    torch.testing.assert_close(stages["stage1"], alone["stage1"], rtol=1e-4, atol=1e-5)
    assert list(bb.explain(network, images, layer=["conv"])) == ["conv"], "a list of one is a list"
    whole = bb.explain(network, images, method="sobel", layer="stages")
    torch.testing.assert_close(whole["input image"], bb.explain(network, images, method="sobel"))
    loaded = bb.explain(network, DataLoader(Items(images), batch_size=4), layer="stages", target="label")
    assert {name: maps.shape for name, maps in loaded.items()} == dict.fromkeys(["stage1", "relu"], (6, 1, 64, 64))


def test_a_model_spec_stands_for_its_network(images: Tensor) -> None:
    network = seeded(Pooled)
    maps = bb.explain(bb.ModelSpec("net", network), images, layer="relu")
    assert torch.equal(maps, bb.explain(network, images, layer="relu"))


ASKED: dict[str, tuple[Any, str]] = {
    "label without labels": (lambda n, x: {"target": "label"}, "there are no labels. Give labels="),
    "labels without label": (lambda n, x: {"labels": LABELS}, "and target is None. Use target='label'"),
    "no label": (lambda n, x: {"target": "label", "labels": [None, *LABELS[1:]]}, "image 0 has no label"),
    "labels beyond": (
        lambda n, x: {"target": "label", "labels": [7, *LABELS[1:]]}, "label 7 of image 0 is not one of",
    ),
    "fewer labels": (lambda n, x: {"target": "label", "labels": LABELS[:4]}, "labels: 4 of them for 6 images"),
    "soft labels": (lambda n, x: {"target": "label", "labels": torch.full((6, 7), 0.1)}, r"labels\[0\]: .*not one-hot"),
    "place beyond": (lambda n, x: {"target": "top-8"}, "the network has 7 classes. Use top-1 to top-7"),
    "word": (lambda n, x: {"target": "cat"}, "target is 'cat'. Give predicted, label, a class"),
    "itself": (lambda n, x: {"target": "3-3"}, "difference of a class and itself"),
    "words": (lambda n, x: {"target": ["predicted", "top-2"]}, r"target is \['predicted', 'top-2'\]"),
    "class of a list": (lambda n, x: {"target": [2, 5]}, r"shape \(2,\) for 6 images.*\[\[281, 285\]\] \* 6"),
    "soft target": (lambda n, x: {"target": torch.full((6, 7), 1 / 7)}, r"shape \(6, 7\) of float32"),
    "ragged": (lambda n, x: {"target": [[1], [2, 3]]}, r"target is \[\[1\], \[2, 3\]\]"),
    "float": (lambda n, x: {"target": 3.0}, "target is 3.0"),
    "negative": (lambda n, x: {"target": -1}, "target -1 is not one of the network's 7 classes"),
    "module": (lambda n, x: {"layer": nn.Conv2d(3, 4, 1)}, "the Conv2d is not a module of the network.*conv, stage1.0"),
    "network": (lambda n, x: {"layer": n}, "the network itself is not a layer"),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_what_cannot_be_asked_says_the_way_out(name: str, images: Tensor) -> None:
    arguments, message = ASKED[name]
    network = seeded(Pooled)
    with pytest.raises(bb.BenchError, match=message) as caught:
        bb.explain(network, images, **arguments(network, images))
    assert "\n" not in str(caught.value)


class Streams(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter([(torch.zeros(3, 8, 8), 1)])


IMAGES: dict[str, tuple[Any, str, str]] = {
    "photographs": (
        lambda x: [Image.new("RGB", (9, 9))], r"images\[0\]: is Image. Prepare photographs.*torch.stack", "",
    ),
    "sizes": (lambda x: [x[0], x[0, :, :9]], r"images\[1\]: the shape is \(3, 9, 64\)", ""),
    "no images": (lambda x: [], "images", "there are none"),
    "keys": (lambda x: {"x": x, "y": x}, "the mapping of 'x', 'y' has no key that is its images", "no key"),
    "shuffled": (lambda x: DataLoader(Items(x), shuffle=True), "may shuffle.*shuffle=False", ""),
    "part": (
        lambda x: DataLoader(Items(x), sampler=SubsetRandomSampler([0, 1])), "may shuffle", "need not give every item",
    ),
    "collated": (lambda x: DataLoader(Items(x), collate_fn=lambda b: 3), "images are int", "its own collate_fn"),
    "streamed": (lambda x: DataLoader(Streams(), collate_fn=lambda b: 3), "images are int", "streams"),
}  # fmt: skip


@pytest.mark.parametrize("name", IMAGES)
def test_what_are_no_images_says_the_conversion(name: str, images: Tensor) -> None:
    """By explain, and by a study where it takes less."""
    make, message, of_study = IMAGES[name]
    with pytest.raises(bb.BenchError, match=message) as caught:
        bb.explain(seeded(Pooled), make(images))
    assert "\n" not in str(caught.value)
    if of_study:
        with pytest.raises(bb.BenchError, match=of_study):
            as_dataset("d", make(images))


def test_a_shuffled_loader_is_a_dataset_in_its_own_order(images: Tensor) -> None:
    dataset = as_dataset("d", DataLoader(Items(images), shuffle=True, batch_size=4))
    assert [dataset[i].label for i in range(6)] == LABELS


def test_one_hot_is_never_guessed_of_two_classes(images: Tensor) -> None:
    """[0, 1] of a network of two classes are both its classes, unless it is of bools or floats."""
    network, rows = seeded(lambda: Pooled(2)), torch.tensor([[0, 1]] * 6)
    both = bb.explain(network, images, layer="relu", target=rows)
    assert both.shape == (6, 2, 64, 64)
    second = bb.explain(network, images, layer="relu", target=1)
    for one_hot in (rows.bool(), rows.float()):
        assert torch.equal(bb.explain(network, images, layer="relu", target=one_hot), second)
    torch.testing.assert_close(both[:, 1:], second, rtol=1e-4, atol=1e-5)


def test_a_study_takes_a_loader_a_mapping_and_one_hot_labels(images: Tensor, tmp_path: Path) -> None:
    """The same table, whatever form the data has."""
    one_hot = nn.functional.one_hot(torch.tensor(LABELS), 7)
    forms = {
        "pair": (images, LABELS),
        "mapping": {"pixel_values": images.numpy(), "labels": one_hot},
        "loader": DataLoader(Items(images), shuffle=True),
    }
    tables = []
    for name, form in forms.items():
        run = bb.Study(
            models={"net": seeded(Pooled)}, datasets={"d": form}, layers=["relu"], methods=["gradcam"],
            metrics=["average_drop"], target="label",
        ).run(tmp_path / name, report=False)  # fmt: skip
        assert (run.table["status"] == "ok").all()
        tables.append(run.table.sort_values("sample").reset_index(drop=True))
    pd.testing.assert_frame_equal(tables[0], tables[1])
    pd.testing.assert_frame_equal(tables[0], tables[2])
