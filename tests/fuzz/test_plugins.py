"""What plugins say of themselves: names, needs and parameters of other kinds than they should be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import benchbench as bb
from benchbench.cli import listing
from benchbench.cli.scaffold import new_method
from benchbench.errors import UNSEEN
from benchbench.registry import DATASETS, METHODS, METRICS, MODELS, SUITES, dataset, load_file, model, suite
from benchbench.registry.registry import _load_entry

from ..sessions import registries_restored
from .mutations import ODD_VALUES, changed_bytes
from .outcomes import outcome, refused
from .profile import counted, tries

ODD = st.sampled_from([*ODD_VALUES, ("a",), b"x", object, len])


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    with registries_restored():
        yield


def _method(layer: bb.Layer, *, power: float = 1.0) -> Any:
    """A map."""
    return layer.activation.mean(1)


def _metric(seen: bb.Seen, *, steps: int = 4) -> Any:
    """A number."""


def _suite(study: Any, folder: Any, progress: Any) -> None:
    """An answer."""


METHOD: dict[str, Any] = {
    "name": "odd",
    "needs": "activation",
    "title": "Odd",
    "paper": "arXiv:1610.02391",
    "control": False,
    "fails": "",
    "optimises": (),
}
METRIC: dict[str, Any] = {
    "name": "odd",
    "higher_is_better": True,
    "needs": "map",
    "protocols": {"plain": {"steps": 4}},
    "title": "Odd",
    "unit": "",
    "paper": "",
    "family": "other",
    "range": (0.0, 1.0),
    "equation": "",
}


def register(kind: str, keys: dict[str, Any]) -> None:
    """As an import of a plugin's file does; then as ``benchbench list`` and a study read it."""
    with registries_restored():
        if kind == "method":
            bb.method(**keys)(_method)
            plugin: Any = next(METHODS[name] for name in METHODS.names() if METHODS[name].function is _method)
            entries = listing.entries(METHODS, "methods")
        else:
            bb.metric(**keys)(_metric)
            plugin = next(METRICS[name] for name in METRICS.names() if METRICS[name].function is _metric)
            entries = listing.entries(METRICS, "metrics")
        bound = plugin.bind({})
        _ = plugin.label(bound), plugin.display_name(bound)
        assert not UNSEEN.search(plugin.name)
        _ = [line for entry in entries[-2:] for line in listing.short_lines([entry])]


@tries(50)
@given(data=st.data())
def test_odd_metadata(data: st.DataObject) -> None:
    kind, keys = data.draw(st.sampled_from([("method", METHOD), ("metric", METRIC)]))
    changed = dict(keys)
    for key in data.draw(st.lists(st.sampled_from(list(keys)), min_size=1, max_size=2)):
        changed[key] = data.draw(ODD)
    outcome(register, kind, changed)


NAMES = [
    "",
    " ",
    "../../x",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "a\nb",
    "\x1b[31m",
    "\u202egnp",
    "x" * 200,
    "a\0b",
    "\ud800",
    " a",
    "a:b",
]
NAMES += ["a@b", "a.b", "a,b"]
DECORATORS: dict[str, Any] = {
    "method": lambda name: bb.method(name, needs="activation")(_method),
    "metric": lambda name: bb.metric(name, higher_is_better=True, needs="map", protocols={"plain": {}})(_metric),
    "model": lambda name: model(name)(lambda: None),
    "dataset": lambda name: dataset(name)(lambda: None),
    "suite": lambda name: suite(name, keys={})(_suite),
}


NAMED = [(name, kind) for name in NAMES for kind in DECORATORS]


@pytest.mark.parametrize(("name", "kind"), counted("plugins.names", NAMED))
def test_a_name_that_could_mislead_or_leave_a_folder_is_refused(name: str, kind: str) -> None:
    for registries in (METHODS, METRICS, MODELS, DATASETS, SUITES):
        registries.load()
    refused(DECORATORS[kind], name)


@pytest.mark.parametrize(
    "name", counted("plugins.new", ["../x", "/tmp/x", "a/b", "", "\x1b", "a\nb", "x" * 300, "'\"", "1a"])
)
def test_a_new_method_s_name_leads_nowhere(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    outcome(new_method, name, folder, gate=True)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


FILE = b'''import benchbench as bb
@bb.method("fuzzed", needs="activation")
def fuzzed(layer: bb.Layer, *, power: float = 1.0):
    """A map."""
    return layer.activation.mean(1)
'''
FILES = [
    b"\0",
    b"\xff\xfe",
    b"import nosuchmodule",
    b"raise SystemExit(0)",
    b"raise ValueError('\\x1b[31m\\n\\u202e')",
    b"def f(:",
    b"(",
]
FILES += [
    b"(" * 500,
    b"x = " + b"-" * 5000 + b"1",
    b"from . import x",
    b"exit()",
    b"import os; raise OSError(2, 'x')",
    b"raise Exception('a' * 10**6)",
]


@tries(6)
@given(content=changed_bytes([FILE]))
def test_changed_files(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("plugin") / "plugin.py"
    path.write_bytes(content)
    with registries_restored():
        outcome(load_file, path)


@pytest.mark.parametrize("content", counted("plugins.files", FILES))
def test_files_that_fail(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_bytes(content)
    refused(load_file, tmp_path / "plugin.py")


class Entry:
    """An installed package's plugin."""

    name, value, dist = "a\x1b[31m", "m:\u202e", None

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def load(self) -> None:
        raise self.error


ERRORS = [ImportError("\x1b[2J"), SystemExit(0), ValueError("a\nb"), RecursionError(), OSError(2, "x"), MemoryError()]


@pytest.mark.parametrize("error", counted("plugins.entries", ERRORS))
def test_an_installed_plugin_that_fails(error: BaseException) -> None:
    refused(_load_entry, Entry(error), "method")
