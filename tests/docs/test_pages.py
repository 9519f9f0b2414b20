"""The methods' pages are what the registry says, and every method says what it is and when it fails."""

from __future__ import annotations

import re

import pytest

from benchbench.registry import DATASETS, METHODS, METRICS
from benchbench.testing import check_metric

from . import data_pages, house_figure, metric_page
from .pages import FOLDER, ROOT, definitions, pages

OUR_METHODS = [name for name, p in METHODS.load().items() if p.function.__module__.startswith("benchbench.")]


def test_the_pages_are_up_to_date() -> None:
    """Else: python -m tests.docs.pages."""
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert written == pages()
    assert (FOLDER / "all.jpg").is_file()


@pytest.mark.parametrize("name", OUR_METHODS)
def test_every_method_is_defined_and_fails_somewhere(name: str) -> None:
    plugin = METHODS[name]
    assert name in definitions(), f"docs/definitions.md has no row of {name}"
    assert plugin.control or plugin.fails, f"{name} does not say when it fails"


def test_the_metrics_page_is_up_to_date() -> None:
    """Else: python -m tests.docs.metric_page."""
    assert metric_page.FILE.read_text(encoding="utf-8") == metric_page.text()


def test_the_data_sets_pages_are_up_to_date() -> None:
    """Else: python -m tests.docs.data_pages. Every data set of an archive has one, and a line in docs/studies.md."""
    written = {path.name: path.read_text(encoding="utf-8") for path in data_pages.FOLDER.glob("*.md")}
    index = written.pop("README.md")
    del written["mosaics.md"]  # by hand, with the network that belongs to it
    assert written == data_pages.pages()
    assert all(row in index.splitlines() for row in data_pages.rows())
    archived = {n for n, p in DATASETS.load().items() if ".archives." in p.function.__module__}
    assert archived == set(data_pages.FACTS)
    studies = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    assert all(f"[`{name}`](data/{name}.md)" in studies for name in archived)


def test_the_figure_of_the_house_is_up_to_date() -> None:
    """Else: python -m tests.docs.house_figure."""
    assert house_figure.FILE.read_text(encoding="utf-8") == house_figure.figure()


OF_OUR_OWN = {"noise_stability", "jpeg_stability", "shift_stability", "class_contrast", "tie_spread"}


@pytest.mark.parametrize("name", METRICS.names())
def test_every_metric_says_what_it_is(name: str) -> None:
    plugin = METRICS[name]
    assert plugin.family != "other", "its family"
    assert plugin.equation, "its equation"
    assert plugin.unit, "its unit"
    assert plugin.paper or plugin.family == "cost" or name in OF_OUR_OWN, "its source"
    assert plugin.range[0] < plugin.range[1]


def test_the_example_of_a_metric_keeps_the_contract() -> None:
    """The code of docs/add-a-metric.md, as it stands there."""
    text = (ROOT / "docs" / "add-a-metric.md").read_text(encoding="utf-8")
    match = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert match is not None
    try:
        exec(compile(match[1], "half.py", "exec"), {"__name__": "half"})
        check_metric("half")
        check_metric("half", share=0.1)
    finally:
        METRICS.remove("half")
