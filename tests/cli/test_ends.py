"""How commands end on machines and files that are not as usual: one line, no traceback, no half file, no waiting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from PIL import Image

from benchbench.cli.common import Once, StoppedInOneLine
from benchbench.errors import BenchError
from benchbench.files import ASIDE, publish
from benchbench.study.spec import StudySpec
from benchbench.study.study_file import MOST, read_yaml

from .commands import benchbench

STUDY = {"models": ["net.py:small"], "layers": ["1"], "methods": ["gradcam"], "metrics": ["deletion"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ends")
    (folder / "net.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def small():\n"
        "    torch.manual_seed(0)\n"
        "    return nn.Sequential(nn.Conv2d(3, 5, 3, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1),\n"
        "                         nn.Flatten(), nn.Linear(5, 7))\n"
    )
    for name in ("one", "two"):
        (folder / "data" / name).mkdir(parents=True)
        Image.new("RGB", (40, 40), (len(name) * 30, 90, 200)).save(folder / "data" / name / "a.png")
    (folder / "study.yaml").write_text(yaml.safe_dump({**STUDY, "datasets": [{"name": "folder", "root": "data"}]}))
    done = benchbench("run", "study.yaml", "--no-report", "--out", "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["report", "run", "--format", "pdf", "--out", "{file}/x"],
        ["report", "run", "--format", "csv", "--out", "{file}/x.csv"],
        ["report", "run", "--format", "html", "--out", "{file}/x.html"],
        ["report", "run", "--format", "csv", "--out", "{folder}"],
        ["report", "run", "--format", "csv", "--out", "/dev/full"],
        ["explain", "data/one/a.png", "--model", "net.py:small", "--layer", "1", "--out", "{file}/x.png"],
        ["explain", "data/one/a.png", "--model", "net.py:small", "--layer", "1", "--out", "{folder}.png"],
        ["baseline", "run", "--out", "{file}/x.json"],
        ["baseline", "run", "--out", "{folder}"],
        ["compare", "run", "run", "--out", "{file}/x"],
        ["run", "study.yaml", "--out", "{file}/x"],
        ["run", "study.yaml", "--out", "{file}"],
        ["new", "method", "some-cam", "--folder", "{file}"],
    ],
)
def test_an_output_that_cannot_be_written(words: list[str], place: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.png").mkdir()
    done = benchbench(*(w.format(file=tmp_path / "file", folder=tmp_path / "folder") for w in words), cwd=place)
    assert done.returncode == 2, done.stdout
    assert done.stderr.startswith("benchbench: ")
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "file").read_text() == "mine"
    assert not list(tmp_path.rglob(f"{ASIDE}*"))


@pytest.mark.parametrize("where", ["the program's arguments", "the command's name", "the command's arguments"])
def test_a_signal_before_the_command_begins_ends_in_one_line(
    where: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    moments = {
        "the program's arguments": (StoppedInOneLine, "parse_args"),
        "the command's name": (StoppedInOneLine, "get_command"),
        "the command's arguments": (Once, "parse_args"),
    }
    monkeypatch.setattr(*moments[where], interrupted)
    done = benchbench("run", "study.yaml", cwd=place)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "benchbench: stopped\n")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path / "table.csv", "before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(os, "fsync", full)
        with pytest.raises(BenchError, match=r"table\.csv: cannot write it: No space left on device"):
            publish(tmp_path / "table.csv", "after")
    assert (tmp_path / "table.csv").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_link_is_followed_and_text_that_is_no_unicode_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    publish(tmp_path / "link.csv", "a\udc80b")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "a\\udc80b"


def _bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines)


BOMBS = {
    "aliases": (_bomb(9), "more than 20,000 keys and values"),
    "an alias of itself": ("methods: &a [*a]", "more than 20,000 keys and values"),
    "names": (f"methods: [{', '.join(f'm{i}' for i in range(MOST))}]", "more than 20,000 keys and values"),
    "depth": ("methods: " + "[" * 1_500 + "]" * 1_500, "nested too deeply"),
    "bytes": ("# " + "x" * 5_000_000, "more than 4,000,000 bytes"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_study_file_that_would_grow_without_end(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, message = BOMBS[name]
    (tmp_path / "study.yaml").write_text(text)

    def built(*_: object) -> None:
        raise AssertionError("it is refused before anything is built of it")

    monkeypatch.setattr(yaml.SafeLoader, "construct_document", built)
    with pytest.raises(BenchError, match=message):
        read_yaml(tmp_path / "study.yaml")


def test_a_large_study_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(f"methods: [{', '.join(f'm{i}' for i in range(MOST - 10))}]")
    assert len(read_yaml(tmp_path / "study.yaml")["methods"]) == MOST - 10


def _put(kind: str, path: Path) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_a_study_file_that_is_no_file_is_not_waited_for(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    _put(kind, path)
    with pytest.raises(BenchError, match="no such study file"):
        StudySpec.from_yaml(path)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_a_picture_that_is_no_file_is_not_waited_for(kind: str, place: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    _put(kind, path)
    done = benchbench("explain", str(path), "--model", "net.py:small", "--layer", "1", "--out", "x.png", cwd=place)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("classes", "problem"),
    [
        ("0", "classes: 0 is no number of classes. Give 1 to 1,000,000"),
        ("-1", "classes: -1 is no number of classes"),
        ("99999999999", "classes: 99999999999 is no number of classes"),
        ("many", "classes: no file 'many'. Give a number of classes, or a file of their names"),
    ],
)
def test_a_number_of_classes_that_no_network_has(classes: str, problem: str, place: Path) -> None:
    model = f"resnet18:weights=random:classes={classes}"
    done = benchbench("run", "study.yaml", "--models", model, "--out", "new", cwd=place)
    assert done.returncode == 2
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_picture_with_more_pixels_than_max_pixels(place: Path) -> None:
    done = benchbench("run", "study.yaml", "--datasets", "folder:root=data:max_pixels=1000", "--out", "few", cwd=place)
    assert done.returncode == 1
    table = (place / "few" / "tables" / "leaderboard.csv").read_text()
    assert "more than 1,000 pixels" in table + (place / "few" / "report.html").read_text()
