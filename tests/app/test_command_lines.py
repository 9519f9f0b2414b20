"""The commands and the Python lines that the app shows run as they stand, and ask for the same study."""

from __future__ import annotations

import shlex
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import benchbench as bb
from benchbench.app.command_lines import RepeatedQuestion, checked_data, data_choices, data_text, quoted
from benchbench.study.item_text import items, parse_item

from ..cli.commands import benchbench
from ..viz.test_overlay import NET
from .pictures import photograph


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(NET.replace("warning='random'", "warning=''"))
    (tmp_path / "my, images").mkdir()
    for number in range(3):
        photograph(tmp_path / "my, images" / f"{number}.png", number)
    photograph(tmp_path / "it's a cat.png")
    return tmp_path


QUESTION = RepeatedQuestion(
    "net.py:small", "net.py:small", ("gradcam", "layercam"), ["0", "1"], ("top2",), ("predicted", "top-2")
)


def test_the_command_and_the_lines_make_one_study(place: Path) -> None:
    words = shlex.split(QUESTION.run_command("folder", "my, images"))
    done = benchbench(*words[1:], "--no-report", cwd=place)
    assert done.returncode == 0, done.stderr
    folder = place / words[words.index("--out") + 1]
    first = bb.Run.load(folder)
    namespace: dict[str, Any] = {}
    with chdir(place):
        exec(QUESTION.python_lines("folder", "my, images"), namespace)
        second = namespace["run"]
        assert second.folder.resolve() == folder.resolve()
    # the second found all that it asks for: the studies are one
    assert set(second.table["metric"]) == {"deletion", "insertion"}
    assert len(second.table) == len(first.table) == 3 * 2 * 2 * 2 * 2  # images, layers, methods, targets, metrics
    assert first.record.info["study"] == second.record.info["study"]


def test_explain_repeats_the_picture(place: Path) -> None:
    words = shlex.split(QUESTION.explain_command("it's a cat.png"))
    done = benchbench(*words[1:], cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("it's a cat.png: ") == 2  # classes
    assert words[-1] == "--scores"


def test_a_name_that_looks_like_an_option_is_a_file(place: Path) -> None:
    photograph(place / "--out.png")
    done = benchbench(*shlex.split(QUESTION.explain_command("--out.png"))[1:], cwd=place)
    assert done.returncode == 0, done.stderr


def test_other_questions_have_other_folders() -> None:
    other = RepeatedQuestion("net.py:small", "net.py:small", ("gradcam",), "last", ("predicted",), ("predicted",))
    commands = [QUESTION.run_command("photos"), QUESTION.run_command("folder", "a"), other.run_command("photos")]
    assert len({shlex.split(command)[-1] for command in commands}) == 3


def test_data_sets_that_lie_in_a_folder_have_one() -> None:
    assert data_choices()[:2] == ["photos", "folder"]
    assert "imagenet" in data_choices()
    assert "csv" not in data_choices()  # it needs more than a folder
    assert checked_data("photos", "x") == ("photos", "")
    assert checked_data("imagenet", " a b ") == ("imagenet", "a b")
    assert checked_data("folder", None) == ("folder", "path/to/images")
    with pytest.raises(bb.BenchError, match="no data set 'none'"):
        checked_data("none", "")


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), min_size=1, max_size=12))
def test_a_path_is_read_back_by_the_command_line(path: str) -> None:
    try:
        text = data_text("folder", path)
    except bb.BenchError:
        assert {"'", '"', "\\"} <= set(path)
        return
    assert items(text) == [parse_item(text)] == [{"name": "folder", "root": path}]


@pytest.mark.parametrize("path", ["a", "a,b", "C:\\x", "it's", 'a"b', "a'b\"c", " a", "x:root=y"])
def test_paths_that_people_have(path: str) -> None:
    assert parse_item(f"folder:root={quoted(path)}") == {"name": "folder", "root": path}
