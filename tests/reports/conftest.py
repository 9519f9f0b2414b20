"""Runs' folders that were written by hand, once per session, and the page made of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchbench.results.record import Record

from .chromium import chromium
from .fake import Fake, fake_record
from .shared import html_of
from .suite_answers import asked_record

SCRIPT = "<script>window.hacked=1</script>"
HOSTILE = Fake(
    models=[f"net{SCRIPT}"],
    datasets=['"><img src=x onerror="window.hacked=1">'],
    layers=["stage'4", "</script><script>window.hacked=1</script>"],
    methods=["cam", "gradcam", f"{SCRIPT}", "שלום\u202eevil", "x" * 300, "100%_$#&{}~^\\|`*<b>"],
    samples=[f"{SCRIPT}{i}" for i in range(4)],
    failing="gradcam",
    reason=f'RuntimeError: "{SCRIPT}" --> & ]]> </script>',
    warning=f"random weights {SCRIPT}",
)


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Five methods and two controls; layercam failed on two images, cam is not applicable."""
    return fake_record(tmp_path_factory.mktemp("plain"), Fake(failing="layercam", warning="random weights"))


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """One model, dataset and layer."""
    return fake_record(tmp_path_factory.mktemp("single"), Fake(layers=["last"]))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Every name, label and reason tries to break out."""
    return fake_record(tmp_path_factory.mktemp("hostile"), HOSTILE)


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Two networks, two data sets, two layers: eight blocks of two metrics, of a family each."""
    fake = Fake(
        models=["tinynet", "othernet"],
        datasets=["photos", "cutouts"],
        methods=["cam", "gradcam", "layercam"],
        controls=["random"],
        quality=["deletion", "increase"],
        samples=[f"photo-{i}" for i in range(6)],
    )
    return fake_record(tmp_path_factory.mktemp("many"), fake)


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """A run of a suite that answered: two layers, three methods and a control."""
    return asked_record(tmp_path_factory.mktemp("asked"))


@pytest.fixture(scope="session")
def asked_page(asked: Record, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(asked, tmp_path_factory)


@pytest.fixture(scope="session")
def page(plain: Record, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(plain, tmp_path_factory)


@pytest.fixture(scope="session")
def hostile_page(hostile: Record, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(hostile, tmp_path_factory)


@pytest.fixture(scope="session")
def many_page(many: Record, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(many, tmp_path_factory)


def written(record: Record, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the record's page."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html_of(record), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with chromium() as playwright_browser:
        yield playwright_browser
