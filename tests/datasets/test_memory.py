"""What a program already holds, as a dataset; and what is said of what cannot be one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import Subset, TensorDataset
from torchvision.datasets import ImageFolder

from benchbench.datasets import as_dataset, in_memory
from benchbench.datasets.sources.class_match import on_outputs
from benchbench.errors import BenchError
from benchbench.models.load import imagenet_classes


def tensors(count: int = 3) -> Tensor:
    return torch.randn(count, 3, 5, 4, generator=torch.Generator().manual_seed(0))


def pictures(count: int = 3) -> list[Image.Image]:
    return [Image.new("RGB", (4, 5), (i, i, i)) for i in range(count)]


class Pairs(TorchDataset[tuple[Any, Any]]):
    """A map-style dataset of given items, which counts what is fetched."""

    def __init__(self, *items: Any) -> None:
        self.items, self.fetched = items, 0

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        self.fetched += 1
        item = self.items[index]
        return item() if callable(item) else item


@pytest.mark.parametrize("labels", [[4, 0, 9], torch.tensor([4, 0, 9]), np.array([4, 0, 9]), (4, 0, 9)])
def test_tensors_and_labels(labels: Any) -> None:
    images = tensors()
    dataset = as_dataset("val", (images, labels))
    assert (dataset.name, list(dataset.ids)) == ("val", ["0000", "0001", "0002"])
    assert [dataset[i].label for i in range(3)] == [4, 0, 9]
    assert all(type(dataset[i].label) is int for i in range(3))
    for i in range(3):
        assert torch.equal(dataset[i].image, images[i])  # type: ignore[arg-type]
        assert dataset[i].mask is None


def test_masks_are_bool_and_may_be_missing() -> None:
    masks = torch.zeros(3, 5, 4, dtype=torch.uint8)
    masks[1, 2, 3] = 200
    dataset = as_dataset("val", (tensors(), [1, None, 3], [masks[0].bool(), masks[1], None]))
    sample_masks = [dataset[i].mask for i in range(3)]
    assert sample_masks[0] is not None
    assert not sample_masks[0].any()
    assert sample_masks[1] is not None
    assert sample_masks[1].nonzero().tolist() == [[2, 3]]
    assert sample_masks[2] is None
    assert dataset[1].label is None
    assert dataset.about["masks"] == "2 of 3 images"
    assert as_dataset("val", (tensors(), None, masks))[1].mask is not None


def test_other_floats_become_float32_on_the_cpu() -> None:
    images = tensors().double().requires_grad_()
    image = in_memory("val", [images[0], images[1].half()])[0].image
    assert isinstance(image, Tensor)
    assert image.dtype == torch.float32
    assert not image.requires_grad


def test_pil_images_become_rgb() -> None:
    grey = Image.fromarray(np.full((5, 4), 30000, np.uint16))
    dataset = as_dataset("val", [*pictures(1), Image.new("L", (4, 5), 9), grey])
    images = [dataset[i].image for i in range(3)]
    assert [image.getpixel((0, 0)) for image in images] == [(0,) * 3, (9,) * 3, (117,) * 3]  # type: ignore[union-attr]


@pytest.mark.parametrize("count", [1, 9, 10, 11, 99, 100, 101, 999, 1000, 1001, 10_000, 10_001])
def test_ids_are_unique_and_sort_as_they_count(count: int) -> None:
    ids = list(as_dataset("val", torch.zeros(count, 1, 1, 1)).ids)
    assert len(set(ids)) == count
    assert ids == sorted(ids)


def test_the_value_range_is_told() -> None:
    images = torch.full((2, 3, 2, 2), 255.0)
    images[1] = 0
    assert as_dataset("val", images).about["tensor values"] == "0.00 to 255.00, taken as already normalised"


@pytest.mark.parametrize(
    ("value", "message", "way_out"),
    [
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), "images[0]: the tensor's dtype is torch.uint8", "/ 255"),
        (torch.zeros(3, 4, 4), "images: a tensor (3, 4, 4), not (N, channels, H, W)", "images[None]"),
        (torch.zeros(3, 28, 28), "images: a tensor (3, 28, 28), not (N, channels, H, W)", "images[:, None]"),
        (torch.zeros(2, 4, 4, 3), "images[0]: a tensor (4, 4, 3), not (channels, H, W)", "permute(2, 0, 1)"),
        (torch.zeros(2, 28, 28, 1), "images[0]: a tensor (28, 28, 1), not (channels, H, W)", "permute(2, 0, 1)"),
        ([torch.zeros(28, 28)], "images[0]: a tensor (28, 28), not (channels, H, W)", "image[None]"),
        (np.zeros((2, 9, 9, 3), np.uint8), "images[0]: the tensor's dtype is torch.uint8", "Image.fromarray(array)"),
        (torch.zeros(0, 3, 4, 4), "images: there are none", "at least one"),
        ([], "images: there are none", "at least one"),
        (torch.full((1, 3, 2, 2), torch.nan), "images[0]: the tensor has values that are not finite", "NaN"),
        ([*pictures(1), "a.png"], "images[1]: str is neither a tensor nor a PIL image", "Image.open(file)"),
        ((tensors(), [1, 2]), "labels: 2 of them for 3 images", "one per image"),
        ((tensors(), torch.zeros(3, 2)), "labels[0]: a label of 2 numbers that is not one-hot", "argmax(1)"),
        ((tensors(), torch.full((3, 2), 0.5)), "labels[0]: a label of 2 numbers that is not one-hot", "argmax(1)"),
        ((tensors(), [[1, 0], [0, 1], [1, 1]]), "labels[2]: a label of 2 numbers that is not one-hot", "argmax(1)"),
        ((tensors(), torch.zeros(3, 2, 2)), "labels: they are (3, 2, 2)", "(B,)"),
        ({"pixel_values": tensors(), "image": tensors()}, "the mapping of 'pixel_values', 'image' has several", ""),
        ({"x": tensors()}, "the mapping of 'x' has no key that is its images", "pixel_values"),
        ({"image": tensors(), "fine_label": [1, 2, 3]}, "the mapping of 'image', 'fine_label' has no key", "labels"),
        ((tensors(), [1, 2.0, 3]), "labels[1]: 2.0 is not a class index", "integer"),
        ((tensors(), [1, 2, True]), "labels[2]: True is not a class index", "integer"),
        ((tensors(), [-1, 2, 3]), "labels[0]: -1 is not a class index", "integer"),
        ((tensors(), ["cat", 2, 3]), "labels[0]: 'cat' is not a class index", "integer"),
        ((tensors(), torch.tensor([0.5, 1, 2])), "labels[0]: tensor(0.5000) is not a class index", "integer"),
        ((tensors(), None, torch.zeros(3, 4, 4) > 0), "masks[0]: the mask is (4, 4) and its image (5, 4)", ""),
        ((tensors(), None, torch.zeros(3, 5, 4)), "masks[0]: the mask's dtype is torch.float32", "mask > 0.5"),
        ((tensors(), None, torch.zeros(3, 1, 5, 4) > 0), "masks: a tensor (3, 1, 5, 4), not (N, H, W)", "squeeze(1)"),
        ((pictures(), None, [None, None, "m"]), "masks[2]: str is not a tensor", "from_numpy"),
    ],
)
def test_what_does_not_fit_names_the_place(value: Any, message: str, way_out: str) -> None:
    with pytest.raises(BenchError) as caught:
        as_dataset("val", value)
    assert str(caught.value).removeprefix("datasets: val")[1:].lstrip().startswith(message)
    assert way_out in caught.value.hint


@pytest.mark.parametrize("value", [None, 3, "photos", (1, 2), tuple(pictures())])
def test_what_is_no_dataset_says_what_is(value: Any) -> None:
    with pytest.raises(
        BenchError, match=r"^datasets: val: \w+ cannot be made a dataset\. Give a float tensor or array"
    ):
        as_dataset("val", value)


def test_a_dataset_is_returned_as_it_is() -> None:
    dataset = in_memory("mine", tensors())
    assert as_dataset("val", dataset) is dataset


@pytest.mark.parametrize("change", ["image", "label", "mask", "kind"])
def test_the_fingerprint_is_of_the_content(change: str) -> None:
    images, mask = tensors(1), torch.ones(1, 5, 4, dtype=torch.bool)
    first = in_memory("a", images, [1], mask)
    assert in_memory("b", images.clone(), [1], mask.clone()).fingerprint(0) == first.fingerprint(0)
    other = {
        "image": in_memory("a", images + 1e-6, [1], mask),
        "label": in_memory("a", images, [2], mask),
        "mask": in_memory("a", images, [1], ~mask),
        "kind": in_memory("a", images.permute(0, 1, 3, 2).reshape(1, 3, 4, 5), [1]),
    }[change]
    assert other.fingerprint(0) != first.fingerprint(0)


def test_pil_images_have_fingerprints_of_their_own() -> None:
    dataset = in_memory("a", [*pictures(2), Image.new("RGB", (5, 4))])
    assert len({dataset.fingerprint(i) for i in range(3)}) == 3


def test_a_torch_dataset_is_wrapped_lazily() -> None:
    inner = Pairs((tensors()[0], 4), (pictures(2)[1], torch.tensor(2)), (pictures()[2], np.int64(1)))
    dataset = as_dataset("val", inner)
    assert list(dataset.ids) == ["0000", "0001", "0002"]
    assert inner.fetched == 0
    assert torch.equal(dataset[0].image, tensors()[0])  # type: ignore[arg-type]
    assert [dataset[i].label for i in range(3)] == [4, 2, 1]
    assert len({dataset.fingerprint(i) for i in range(3)}) == 3
    assert "Pairs, 3 items" in dataset.about["source"]


def test_torchs_own_tensor_dataset() -> None:
    dataset = as_dataset("val", TensorDataset(tensors(), torch.tensor([5, 6, 7])))
    assert [dataset[i].label for i in range(3)] == [5, 6, 7]
    with pytest.raises(BenchError, match=r"datasets: val\[0\]: is 1 values \(Tensor\), not a pair"):
        as_dataset("val", TensorDataset(tensors()))[0]


def boom() -> Any:
    raise RuntimeError("disk is gone")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (boom, r"datasets: val\[0\]: cannot be fetched: RuntimeError: disk is gone"),
        ({"image": 1}, r"datasets: val\[0\]\.image: int is neither a tensor nor a PIL image"),
        ({"x": tensors()[0]}, r"datasets: val\[0\]: the mapping of 'x' has no key that is its images"),
        (3, r"datasets: val\[0\]: is int, not a pair \(image, label\)"),
        ((tensors()[0].byte(), 1), r"datasets: val\[0\]\.image: the tensor's dtype is torch\.uint8"),
        ((tensors()[0], "cat"), r"datasets: val\[0\]\.label: 'cat' is not a class index"),
    ],
)
def test_an_item_that_does_not_fit_fails_alone(item: Any, message: str) -> None:
    dataset = as_dataset("val", Pairs(item, (tensors()[0], 1)))
    assert dataset.fingerprint(0) == dataset.fingerprint(0)
    with pytest.raises(BenchError, match=message):
        dataset[0]
    assert dataset[1].label == 1


def test_a_random_transform_is_found_out() -> None:
    dataset = as_dataset("val", Pairs(lambda: (torch.randn(3, 4, 4), 1)))
    dataset.fingerprint(0)
    with pytest.raises(BenchError, match=r"is not the same when fetched again\. Take the random transforms out"):
        dataset[0]


def image_folder(root: Path, kind: type[ImageFolder] = ImageFolder, **params: Any) -> Any:
    for name in ("zebra", "banana"):
        (root / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 5)).save(root / name / "a.png")
    return as_dataset("mine", kind(str(root), **params))


def test_torchvision_s_folder_has_the_names_of_its_classes(tmp_path: Path) -> None:
    data: Any = image_folder(tmp_path)
    assert (data.class_names, list(data.labels)) == (("banana", "zebra"), [0, 1])
    imagenet = on_outputs(data, imagenet_classes(), 1000, "net")
    assert imagenet.labels == [954, 340]  # type: ignore[attr-defined]
    assert [imagenet[i].label for i in range(2)] == [954, 340]
    others = on_outputs(data, ("zebra", "unicorn"), 2, "net")
    assert others.labels == [0, 1]  # type: ignore[attr-defined]
    assert "1 of its 2 classes (banana) is not among the 2 of net" in others.about["warning"]
    assert on_outputs(data, (), 2, "net") == data
    part: Any = as_dataset("mine", Subset(Subset(data.inner, [1, 0, 1]), [0, 1]))
    assert (part.class_names, part.labels, [part[i].label for i in range(2)]) == (data.class_names, [1, 0], [1, 0])


def test_labels_that_a_program_changes_have_no_names(tmp_path: Path) -> None:
    class Merged(ImageFolder):  # type: ignore[misc]
        pass

    for data in (image_folder(tmp_path, Merged), image_folder(tmp_path, target_transform=lambda label: 1 - label)):
        assert (data.class_names, data.labels) == ((), None)
    for other in (Pairs((tensors()[0], 1)), Subset(Pairs((tensors()[0], 1)), [0])):
        assert as_dataset("mine", other).class_names == ()  # type: ignore[attr-defined]
