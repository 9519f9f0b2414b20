"""An app with a small network, served once per module, and a browser with a fake camera."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchbench.app.app_options import AppOptions

from ..reports.chromium import chromium
from ..reports.fake import Fake, fake_record
from ..viz.test_overlay import NET
from .pictures import photograph
from .running import RunningApp, running

HOSTILE_CLASS = "<img src=x onerror=window.hacked=1> ${window.hacked=1} {{window.hacked=1}}"


@pytest.fixture(scope="module")
def app_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network in net.py, a picture, and two runs."""
    home = tmp_path_factory.mktemp("app")
    text = NET.replace("warning='random'", "warning=''")
    hostile = text.replace("small", "other").replace("'dog'", repr(HOSTILE_CLASS))
    (home / "net.py").write_text(f"{text}\n{hostile}")
    photograph(home / "cat.png")
    for name in ("a", "b"):
        (home / name).mkdir()
        fake_record(home / name, Fake(seed=len(name)))
    return home


@pytest.fixture(scope="module")
def app(app_home: Path) -> Iterator[RunningApp]:
    models = {name: f"{app_home / 'net.py'}:{name}" for name in ("small", "other")}
    with running(AppOptions(models, runs=(app_home / "a",), port=0, device="cpu")) as served:
        yield served


@pytest.fixture(scope="module")
def camera_browser() -> Iterator[Any]:
    """A browser whose camera is Chromium's moving test picture."""
    with chromium("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream") as browser:
        yield browser
