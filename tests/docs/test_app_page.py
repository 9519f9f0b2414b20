"""docs/app.md names every option of the command, and its screenshot is small."""

from __future__ import annotations

import re

import typer
from PIL import Image

from benchbench.app.app_question import MOST_MAPS
from benchbench.app.picture_door import MOST_BYTES
from benchbench.cli.app import app

from .app_picture import PICTURE, SIZE
from .pages import ROOT

PAGE = (ROOT / "docs" / "app.md").read_text(encoding="utf-8")


def test_every_option_is_explained() -> None:
    command = typer.main.get_command(app).commands["app"]  # type: ignore[attr-defined]
    options = {name for each in command.params for name in (each.opts[0], *each.secondary_opts)}
    assert {"--model", "--run", "--host", "--port", "--open", "--no-open"} <= options
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `--")]
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == options - {"--help"}


def test_its_numbers_are_the_codes() -> None:
    assert f"up to {MOST_MAPS} maps" in PAGE
    assert f"{MOST_BYTES >> 20} MiB" in PAGE


def test_the_screenshot_is_small() -> None:
    """Else: python -m tests.docs.app_picture."""
    assert PICTURE.stat().st_size < 150_000
    with Image.open(PICTURE) as picture:
        assert picture.size == SIZE
