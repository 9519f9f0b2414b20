"""The gallery's pages are what the script says, and its commands run, on a small network."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from ..cli.commands import benchbench
from ..viz.test_overlay import NET
from . import gallery


def test_the_pages_are_up_to_date() -> None:
    """Else: python -m tests.docs.gallery."""
    written = {path.name: path.read_text(encoding="utf-8") for path in gallery.FOLDER.glob("*.md")}
    assert written == gallery.texts()
    pictures = {path.name for path in gallery.FOLDER.glob("*.jpg")}
    assert pictures == {f"{page.name}.jpg" for page in gallery.PAGES}


@pytest.mark.parametrize("page", gallery.PAGES, ids=lambda page: page.name)
def test_a_command_runs_on_a_small_network(page: gallery.GalleryPage, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    gallery.photographs(tmp_path)
    words = page.command.replace("top5", "top3").split()[1:]
    few = [",".join(word.split(",")[:2]) for word in words]  # two methods of each list
    done = benchbench(*few, "--model", "net.py:small", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / f"{page.name}.jpg") as picture:
        assert picture.width > 500
