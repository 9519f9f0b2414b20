"""What is named on the command line: classes and pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import benchbench as bb
from benchbench.looking.class_words import targets_of
from benchbench.looking.named_pictures import names_of, picture_files, pictures

NAMES = ("tench", "Tiger_cat", "crane", "lynx", "crane")


@pytest.mark.parametrize(
    ("words", "targets"),
    [
        (["predicted"], ("predicted",)),
        (["top1"], ("predicted",)),
        (["top3"], ("predicted", "top-2", "top-3")),
        (["top-3"], ("top-3",)),
        (["top-1", "predicted"], ("predicted",)),
        (["tiger cat", 3, "3", "lynx"], (1, 3)),
        (["281-285"], ("281-285",)),
        (["label", "top2"], ("label", "predicted", "top-2")),
    ],
)
def test_words_are_targets(words: list[str | int], targets: tuple[object, ...]) -> None:
    assert targets_of(words, NAMES) == targets


@pytest.mark.parametrize(
    ("words", "names", "message"),
    [
        (["tiger"], NAMES, "no class has the name 'tiger'. Did you mean 'Tiger_cat'"),
        (["crane"], NAMES, "2 classes have the name 'crane'. Give a number: 2 and 4"),
        (["lynx"], (), "the network has no class names, so 'lynx' says nothing"),
        ([], NAMES, "no class is named"),
    ],
)
def test_a_class_that_is_not_there(words: list[str], names: tuple[str, ...], message: str) -> None:
    with pytest.raises(bb.BenchError, match=message):
        targets_of(words, names)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b/x.png", "a/x.png", "a/y.jpg", "z.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    (tmp_path / "a" / "note.txt").write_text("no picture")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_files_folders_and_patterns_in_the_order_named(folder: Path) -> None:
    files = picture_files([folder / "z.png", folder / "a", f"{folder}/*/x.png", folder / "z.png"])
    assert [file.relative_to(folder).as_posix() for file in files] == ["z.png", "a/x.png", "a/y.jpg", "b/x.png"]
    assert list(pictures(files).ids) == [f"{folder.name}/z.png", "a/x.png", "a/y.jpg", "b/x.png"]


def test_names_tell_files_apart() -> None:
    assert names_of([Path("/d/a/x.png"), Path("/d/a/y.png")]) == ("x.png", "y.png")
    assert names_of([Path("/d/a/x.png"), Path("/d/b/x.png")]) == ("a/x.png", "b/x.png")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.png", "there is no such file"),
        ("a/note.txt", "note.txt"),
        ("empty", "the folder has no photographs"),
        ("*/none*.png", "no file fits the pattern"),
    ],
)
def test_what_is_no_picture_is_refused_at_once(folder: Path, name: str, message: str) -> None:
    with pytest.raises(bb.BenchError, match=message):
        picture_files([f"{folder}/{name}"])
