"""The folder dataset: which files, which labels, which masks; and what it says where they do not fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.datasets import ImageFolder

from benchbench.datasets.sources.file_dataset import Files, fingerprint
from benchbench.errors import BenchError
from benchbench.registry import DATASETS

Make = Callable[..., Path]


def folder(root: Path, **params: object) -> Files:
    """As a study makes it: through the registry, with its parameters checked."""
    plugin = DATASETS["folder"]
    dataset = plugin.function(**plugin.bind({"root": str(root), **params}))
    assert isinstance(dataset, Files)
    return dataset


def photo(path: Path, value: int = 7) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3), (value, value, value)).save(path, "PNG")


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A folder with photographs of these names, each of another colour."""

    def built(*names: str) -> Path:
        root = tmp_path / "val"
        root.mkdir(exist_ok=True)
        for value, name in enumerate(names):
            photo(root / name, value)
        return root

    return built


def labels_of(dataset: Files) -> dict[str, int | None]:
    return {dataset[i].id: dataset[i].label for i in range(len(dataset.ids))}


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_photographs_are_found_by_extension_and_sorted(make: Make) -> None:
    root = make("b.JPG", "a.png", "c.Tiff", "d.webp", ".hidden.png", "e.gif")
    (root / "readme.txt").write_text("x")
    (root / "model.pt").write_text("x")
    dataset = folder(root)
    assert dataset.ids == ["a.png", "b.JPG", "c.Tiff", "d.webp", "e.gif"]
    assert [dataset[i].image.getpixel((0, 0))[0] for i in range(5)] == [1, 0, 2, 3, 5]  # type: ignore[union-attr, index]
    assert dataset.about["other files ignored"] == "2"
    assert set(labels_of(dataset).values()) == {None}
    assert dataset.name == "val"


def test_integer_sub_folders_are_labels(make: Make) -> None:
    dataset = folder(make("7/a.png", "12/b.png", "12/deep/c.png"))
    assert labels_of(dataset) == {"12/b.png": 12, "12/deep/c.png": 12, "7/a.png": 7}
    assert dataset.about["labels"].startswith("the integer that names the sub-folder")


def by_hand(root: Path) -> dict[str, int]:
    """Independent implementation: torchvision's ImageFolder."""
    return {Path(path).relative_to(root).as_posix(): label for path, label in ImageFolder(str(root)).samples}


@pytest.mark.parametrize(
    "names",
    [range(12), range(1, 13), range(1, 10), (5, 30, 200), (281, 285)],
    ids=["0..11", "1..12", "1..9", "gaps", "few of ImageNet"],
)
def test_numbers_that_image_folder_reads_otherwise_are_said(make: Make, names: Iterable[int]) -> None:
    root = make(*(f"{i}/a.png" for i in names))
    dataset, reference = folder(root), by_hand(root)
    assert labels_of(dataset) == {f"{i}/a.png": i for i in names}
    assert dataset.about["warning"].startswith("class folders are numbers, and the label is the number")
    assert "ImageFolder would number them differently" in dataset.about["warning"]
    assert {id: dataset.readings["sorted"][label] for id, label in labels_of(dataset).items()} == reference  # type: ignore[index]
    sorted_ = folder(root, classes="sorted")
    assert labels_of(sorted_) == reference
    assert {id: sorted_.readings["numeric"][label] for id, label in reference.items()} == labels_of(dataset)
    assert "warning" not in sorted_.about
    assert "warning" not in folder(root, classes="numeric").about


@pytest.mark.parametrize("names", [[str(i) for i in range(10)], [f"{i:02d}" for i in range(12)], ["cat", "10", "9"]])
def test_where_both_readings_agree_nothing_is_said(make: Make, names: Iterable[str]) -> None:
    root = make(*(f"{name}/a.png" for name in names))
    dataset = folder(root)
    assert "warning" not in dataset.about
    assert dataset.readings == {}
    assert labels_of(dataset) == by_hand(root)


def test_numbers_from_one(make: Make) -> None:
    root = make(*(f"{i}/a.png" for i in range(1, 13)))
    assert "may start at 1" in folder(root).about["warning"]
    dataset = folder(root, classes="one-based")
    assert labels_of(dataset) == {f"{i}/a.png": i - 1 for i in range(1, 13)}
    assert dataset.readings["numeric"] == {i - 1: i for i in range(1, 13)}


@pytest.mark.parametrize(
    ("names", "classes", "message"),
    [
        (
            ("cat", "7"),
            "numeric",
            "root: classes is numeric, and not all names are numbers",
        ),
        (("0", "1"), "one-based", "root: classes is one-based, and a sub-folder is named 0"),
        (("0", "1"), "other", "classes: Input should be 'numeric', 'one-based' or 'sorted'"),
    ],
)
def test_a_numbering_that_the_names_do_not_have(make: Make, names: tuple[str, ...], classes: str, message: str) -> None:
    root = make(*(f"{name}/a.png" for name in names))
    with pytest.raises(BenchError, match=message):
        folder(root, classes=classes)


def test_a_numbering_without_sub_folders(make: Make) -> None:
    with pytest.raises(BenchError, match="classes needs sub-folders, and there are none"):
        folder(make("a.png"), classes="sorted")


COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(("photos", "masks"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_names_compare_whichever_way_a_letter_is_composed(make: Make, tmp_path: Path, photos: str, masks: str) -> None:
    root = make(f"{photos}.png", "tea.png")
    photo(tmp_path / "masks" / f"{masks}.png", 255)
    listed = table(tmp_path / "labels.csv", "file,label", f"{masks}.png,3", "tea.png,1")
    dataset = folder(root, masks=str(tmp_path / "masks"), labels=str(listed))
    assert labels_of(dataset) == {f"{photos}.png": 3, "tea.png": 1}
    assert dataset.about["masks"] == "1 of 2 photographs"
    mask = dataset[list(dataset.ids).index(f"{photos}.png")].mask
    assert mask is not None
    assert bool(mask.all())


def test_masks_that_fit_no_photograph_are_said(make: Make, tmp_path: Path) -> None:
    root = make("a.png", "b.png")
    for name in ("a", "b_mask", "deep/c"):
        photo(tmp_path / "masks" / f"{name}.png", 255)
    dataset = folder(root, masks=str(tmp_path / "masks"))
    assert dataset.about["masks"] == "1 of 2 photographs; 2 masks fit no photograph: b_mask.png, deep/c.png"
    assert dataset.about["warning"] == "2 masks fit no photograph: b_mask.png, deep/c.png"


@settings(max_examples=20, deadline=None)
@given(names=st.sets(st.from_regex(r"[a-zA-Z0-9_]{1,6}", fullmatch=True), min_size=1, max_size=6))
def test_named_sub_folders_follow_image_folder(tmp_path_factory: pytest.TempPathFactory, names: Iterable[str]) -> None:
    """Independent implementation: torchvision's ImageFolder. One folder has a letter, so that not all are integers."""
    root = tmp_path_factory.mktemp("d") / "val"
    for name in {*names, "letters"}:
        photo(root / name / "a.png")
    reference = {Path(path).relative_to(root).as_posix(): label for path, label in ImageFolder(str(root)).samples}
    dataset = folder(root)
    assert labels_of(dataset) == reference
    assert "ImageFolder" in dataset.about["labels"]


def test_some_of_imagenets_folders_are_called_out(make: Make) -> None:
    dataset = folder(make("n01440764/a.png", "n03394916/b.png"))
    assert labels_of(dataset) == {"n01440764/a.png": 0, "n03394916/b.png": 1}
    assert "this is not ImageNet's class index" in dataset.about["labels"]
    assert "WordNet" not in folder(make("n01440764/a.png", "n03394916/b.png", "zebra/c.png")).about["labels"]


def test_two_names_of_one_class_are_refused(make: Make) -> None:
    with pytest.raises(BenchError, match="root: the sub-folders '07' and '7' are both class 7"):
        folder(make("07/a.png", "7/b.png"))


def test_an_empty_class_would_shift_the_others(make: Make) -> None:
    root = make("b/a.png", "c/a.png")
    (root / "a").mkdir()
    with pytest.raises(BenchError, match="root: the sub-folder 'a' has no photographs"):
        folder(root)
    root = make("3/a.png")  # a is still there, b and c too
    for name in "abc":
        for file in (root / name).iterdir():
            file.unlink()
        (root / name).rmdir()
    (root / "2").mkdir()
    assert labels_of(folder(root)) == {"3/a.png": 3}, "an integer's class does not shift"


def test_files_beside_sub_folders_are_ambiguous(make: Make) -> None:
    root = make("a.png", "cat/b.png", "dog/c.png")
    with pytest.raises(BenchError, match="root: 1 photographs in the folder itself and 2 in sub-folders") as caught:
        folder(root)
    assert "file,label" in caught.value.hint
    dataset = folder(root, labels=table(root / "labels.csv", "file,label", "a.png,5", "cat/b.png,2"))
    assert labels_of(dataset) == {"a.png": 5, "cat/b.png": 2, "dog/c.png": None}
    assert dataset.about["labels"] == "from labels.csv; 1 photographs have none"
    assert dataset.about["other files ignored"] == "0", "the table is not a stray file"


def test_a_spreadsheets_table_is_read(make: Make, tmp_path: Path) -> None:
    root = make("ü, 1.png", "b.png")
    path = tmp_path / "l.csv"
    path.write_bytes('label , file,note\r\n 3,"ü, 1.png",x\r\n\r\n4,./b.png,\r\n'.encode("utf-8-sig"))
    assert labels_of(folder(root, labels=path)) == {"b.png": 4, "ü, 1.png": 3}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["name,label", "a.png,1"], "labels: l.csv: no column 'file'; the header is 'name,label'"),
        (["a.png;1"], "labels: l.csv: no column 'file'; the header is 'a.png;1'"),
        ([], "labels: l.csv: no column 'file'; the header is ''"),
        (["file,label"], "labels: l.csv: the table has no rows"),
        (["file,label", "a.png,1", "c.png,1"], "labels: l.csv line 3: 'c.png' is not a photograph in root"),
        (["file,label", "../val/a.png,1"], "labels: l.csv line 2: '../val/a.png' is not a photograph in root"),
        (["file,label", "a.png,cat"], "labels: l.csv line 2: 'a.png' has the label 'cat', not a class index"),
        (["file,label", "a.png,1.0"], "labels: l.csv line 2: 'a.png' has the label '1.0', not a class index"),
        (["file,label", "a.png,-1"], "labels: l.csv line 2: 'a.png' has the label '-1', not a class index"),
        (["file,label", "a.png"], "labels: l.csv line 2: 'a.png' has the label '', not a class index"),
        (["file,label", "a.png,1", "b.png,2", "a.png,1"], "labels: l.csv line 4: 'a.png' is on line 2 already"),
    ],
)
def test_a_table_that_does_not_fit_names_the_line(make: Make, tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(BenchError) as caught:
        folder(make("a.png", "b.png"), labels=table(tmp_path / "l.csv", *lines))
    assert str(caught.value).startswith(message)
    assert caught.value.hint


def test_a_table_that_cannot_be_read(make: Make, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"labels: .*gone\.csv: cannot be read: No such file"):
        folder(make("a.png"), labels=tmp_path / "gone.csv")
    (tmp_path / "l.csv").write_bytes(b"file,label\n\xff\xfe,1\n")
    with pytest.raises(BenchError, match=r"labels: l\.csv: is not a UTF-8 CSV"):
        folder(make("a.png"), labels=tmp_path / "l.csv")


@pytest.mark.parametrize("key", ["root", "masks"])
def test_a_folder_that_is_not_there_names_the_key(make: Make, tmp_path: Path, key: str) -> None:
    root = make("a.png")
    for path, message in ((tmp_path / "gone", "no folder"), (root / "a.png", "is a file")):
        with pytest.raises(BenchError, match=f"^{key}: .*{message}"):
            folder(**{"root": root, key: path})


def test_a_folder_without_photographs(make: Make) -> None:
    root = make()
    (root / "notes.txt").write_text("x")
    with pytest.raises(BenchError, match=re.escape(f"root: no photographs in {root} (1 other files)")):
        folder(root)


def test_root_is_required() -> None:
    with pytest.raises(BenchError, match="folder needs root"):
        DATASETS["folder"].bind({})


def test_links_are_followed_once(make: Make, tmp_path: Path) -> None:
    photo(tmp_path / "elsewhere" / "a.png")
    root = make("here/b.png")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "here" / "up").symlink_to(root)
    assert folder(root).ids == ["here/b.png", "linked/a.png"]


def test_a_name_that_is_not_text(make: Make) -> None:
    root = make("a.png")
    photo(root / "bad\udcff.png")
    with pytest.raises(BenchError, match=r"root: the name .* is not UTF-8 text"):
        folder(root)


def mask(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_masks_by_relative_name(make: Make, tmp_path: Path) -> None:
    root = make("1/a.jpg", "2/a.jpg", "2/b.jpg")
    pixels = np.zeros((3, 4), np.uint8)
    pixels[1, 2] = 3
    mask(tmp_path / "m/1/a.PNG", pixels)
    mask(tmp_path / "m/2/b.bmp", 255 - pixels)
    dataset = folder(root, masks=tmp_path / "m")
    first, second, third = (dataset[i].mask for i in range(3))
    assert first is not None
    assert third is not None
    assert first.dtype == torch.bool
    assert first.nonzero().tolist() == [[1, 2]]
    assert second is None
    assert bool(third.all())
    assert dataset.about["masks"] == "2 of 3 photographs"


def test_masks_inside_root_are_no_class(make: Make) -> None:
    root = make("cat/a.png", "dog/a.png", "masks/cat/a.png")
    dataset = folder(root, masks=root / "masks")
    assert labels_of(dataset) == {"cat/a.png": 0, "dog/a.png": 1}
    assert dataset[0].mask is not None


def test_a_mask_of_another_size_fails_that_sample_alone(make: Make, tmp_path: Path) -> None:
    mask(tmp_path / "m/a.png", np.ones((3, 3), np.uint8))
    mask(tmp_path / "m/b.png", np.ones((3, 4), np.uint8))
    dataset = folder(make("a.jpg", "b.jpg"), masks=tmp_path / "m")
    with pytest.raises(BenchError, match=r"a\.png: the mask is 3 x 3 and its photograph 3 x 4 \(height x width\)"):
        dataset[0]
    assert dataset[1].mask is not None


def test_the_mask_fits_the_photograph_as_shown(make: Make, tmp_path: Path) -> None:
    """A turned photograph's mask has the size that a viewer shows, not the one that is stored."""
    exif = Image.Exif()
    exif[0x0112] = 6
    root = make()
    Image.new("RGB", (8, 5)).save(root / "a.jpg", exif=exif)
    mask(tmp_path / "m/a.png", np.ones((8, 5), np.uint8))
    sample = folder(root, masks=tmp_path / "m")[0]
    assert sample.mask is not None
    assert sample.mask.shape == (8, 5)


def test_masks_that_fit_two_ways_are_refused(make: Make, tmp_path: Path) -> None:
    ones = np.ones((3, 4), np.uint8)
    mask(tmp_path / "m/a.png", ones)
    with pytest.raises(BenchError, match=r"masks: the mask 'a\.png' fits both 'a\.gif' and 'a\.jpg'"):
        folder(make("a.jpg", "a.gif"), masks=tmp_path / "m")
    mask(tmp_path / "m/a.bmp", ones)
    with pytest.raises(BenchError, match=r"masks: the masks 'a\.bmp' and 'a\.png' are of one photograph"):
        folder(make("a.jpg"), masks=tmp_path / "m")


def test_masks_that_fit_nothing_are_refused(make: Make, tmp_path: Path) -> None:
    mask(tmp_path / "m/a_mask.png", np.ones((3, 4), np.uint8))
    with pytest.raises(BenchError, match=r"masks: no file of .* \(1 masks, 1 photographs\)"):
        folder(make("a.jpg"), masks=tmp_path / "m")


def test_a_broken_file_fails_when_it_is_asked_for(make: Make) -> None:
    root = make("a.png", "b.png")
    (root / "a.png").write_text("no image")
    dataset = folder(root)
    assert dataset.ids == ["a.png", "b.png"]
    assert dataset.fingerprint(0) != dataset.fingerprint(1)
    with pytest.raises(BenchError, match=r"^a\.png: the file is not an image"):
        dataset[0]
    assert dataset[1].image.size == (4, 3)


def test_the_fingerprint_changes_with_file_label_and_mask_alone(make: Make, tmp_path: Path) -> None:
    root = make("1/a.png")
    mask(tmp_path / "m/1/a.png", np.ones((3, 4), np.uint8))
    plain, masked = folder(root), folder(root, masks=tmp_path / "m")
    first = {plain.fingerprint(0), masked.fingerprint(0)}
    assert len(first) == 2
    assert folder(root).fingerprint(0) in first, "the same content has the same digest"
    mask(tmp_path / "m/1/a.png", np.zeros((3, 4), np.uint8))
    labelled = folder(root, labels=table(tmp_path / "l.csv", "file,label", "1/a.png,9"))
    first |= {masked.fingerprint(0), labelled.fingerprint(0)}
    photo(root / "1/a.png", 99)
    assert len(first | {plain.fingerprint(0)}) == 5
    (root / "1/a.png").unlink()
    with pytest.raises(BenchError, match=r"a\.png: the file cannot be read"):
        plain.fingerprint(0)


@given(parts=st.lists(st.binary(max_size=3), max_size=4), other=st.lists(st.binary(max_size=3), max_size=4))
def test_a_fingerprint_knows_where_one_part_ends(parts: list[bytes], other: list[bytes]) -> None:
    assert (fingerprint(*parts) == fingerprint(*other)) == (parts == other)
    assert fingerprint(b"ab", b"c") != fingerprint(b"a", b"bc")


@pytest.mark.parametrize("apart", [False, True])
def test_groups_come_from_a_csv(tmp_path: Path, apart: bool) -> None:
    """From a column of the labels' own CSV, or from another; an empty one is none."""
    for name in ("a.png", "b.png", "c.png"):
        Image.new("RGB", (4, 4), "red").save(tmp_path / name)
    table = tmp_path / "table.csv"
    if apart:
        table.write_text("file,group\na.png, film \nb.png,film\nc.png,\n")
        data = folder(root=tmp_path, groups=table)
    else:
        table.write_text("file,label,group\na.png,1,film\nb.png,2,film\nc.png,3,\n")
        data = folder(root=tmp_path, labels=table)
    assert list(data.groups) == ["film", "film", None]
    assert data[0].group == "film"
    assert data.about["groups"] == "1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\na.png,1\n", "there is no column 'group'"),
        ("file,group\nb.png,x\n", "'b.png' is not a photograph in root"),
        ("file,group\na.png,x\na.png,y\n", "'a.png' is on line 2 already"),
    ],
)
def test_groups_that_do_not_fit_are_refused(tmp_path: Path, text: str, message: str) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "groups.csv").write_text(text)
    with pytest.raises(BenchError, match=message):
        folder(root=tmp_path, groups=tmp_path / "groups.csv")
