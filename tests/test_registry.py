"""Registries: signatures, collisions, nearest names, user files and entry points."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from torch import Tensor

from benchbench.errors import BenchError, nearest
from benchbench.registry import METHODS, METRICS, Registry, load_file, method
from benchbench.sources import source_digest
from benchbench.types import Layer


@pytest.fixture
def spare() -> Iterator[str]:
    """A name that is free again after the test."""
    yield "spare-method"
    METHODS.remove("spare-method")


def test_parameters_are_read_from_the_signature(spare: str) -> None:
    @method(spare, needs=("gradient", "scores"), paper="arXiv:0000.00000")
    def some(layer: Layer, *, samples: int = 8, kind: Literal["a", "b"] = "a") -> Tensor:
        """One line.

        More.
        """
        return layer.activation

    plugin = METHODS[spare]
    assert plugin.summary == "One line."
    assert plugin.needs == {"gradient", "scores"}
    assert {p.name: p.default for p in plugin.parameters.values()} == {"samples": 8, "kind": "a"}
    assert plugin.bind({"samples": "3"}) == {"samples": 3, "kind": "a"}
    assert plugin.label(plugin.bind({"kind": "b"})) == "spare-method(kind=b)"
    assert plugin.label(plugin.bind({})) == spare
    with pytest.raises(BenchError, match=r"no parameter 'sample'.*Did you mean 'samples'"):
        plugin.bind({"sample": 3})
    with pytest.raises(BenchError, match=r"samples: Input should be a valid integer"):
        plugin.bind({"samples": "many"})
    with pytest.raises(BenchError, match=r"kind: Input should be 'a' or 'b'"):
        plugin.bind({"kind": "c"})


def test_a_collision_names_both_places(spare: str) -> None:
    def register() -> None:
        @method(spare, needs="activation")
        def one(layer: Layer) -> Tensor:
            return layer.activation[:, 0]

    register()
    with pytest.raises(BenchError) as caught:
        register()
    assert str(caught.value).count("test_registry.py:") == 2


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(BenchError, match=r"unknown method 'gradcm'. Did you mean 'gradcam'"):
        METHODS["gradcm"]
    with pytest.raises(BenchError, match=r"unknown metric 'delletion'. Did you mean 'deletion'"):
        METRICS["delletion"]


def test_a_hint_is_cut_where_it_would_be_too_long() -> None:
    assert nearest("x", [f"n{i:02d}" for i in range(30)], most=3) == "Available: n00, n01, n02 and 27 more"


def test_a_user_s_file_registers_once(tmp_path: Path, spare: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from benchbench import method\n"
        f"@method({spare!r}, needs='activation')\n"
        "def mine(layer):\n    'Mine.'\n    return layer.activation.mean(1)\n"
    )
    load_file(file)
    load_file(file)
    assert METHODS[spare].origin.startswith(str(file))
    before = METHODS[spare].source_digest
    file.write_text(file.read_text().replace("mean(1)", "amax(1)"))
    assert METHODS[spare].source_digest == before, "the code that runs is the code of the import"
    del sys.modules[METHODS[spare].function.__module__]
    METHODS.remove(spare)
    load_file(file)
    assert METHODS[spare].source_digest != before, "an edited method is not the method whose results are kept"


def test_a_helper_that_a_plugin_imports_is_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    digests = []
    for body in ("return 1", "return 2"):
        (tmp_path / "its_helper.py").write_text(f"def help():\n    {body}\n")
        (tmp_path / "its_plugin.py").write_text("from its_helper import help\ndef plugin():\n    return help()\n")
        for name in ("its_helper", "its_plugin"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        digests.append(source_digest(importlib.import_module("its_plugin").plugin))
    assert digests[0] != digests[1]


def test_code_without_a_file_is_told_apart() -> None:
    def of(body: str) -> str:
        scope: dict[str, Any] = {}
        exec(f"def f(x, *, k=2):\n    g = lambda y: {body}\n    return g(x)", scope)
        return source_digest(scope["f"])

    assert of("y.amax()") == of("y.amax()"), "no address in it"
    assert len({of("y.amax()"), of("y.amin()"), of("y.amax() + 1")}) == 3


@pytest.mark.parametrize("name", ["a.b", "a@b", "a:b", "a,b"])
def test_names_that_the_table_or_the_command_line_would_split_are_refused(name: str) -> None:
    with pytest.raises(BenchError, match="in its name"):
        method(name, needs="activation")(lambda layer: layer.activation)


@pytest.mark.parametrize(
    ("text", "said"),
    [("import nothing_of_this_name", "ModuleNotFoundError"), ("def f(:", "SyntaxError"), ("1/0", "ZeroDivisionError")],
)
def test_a_user_s_file_that_fails_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text)
    with pytest.raises(BenchError, match=f"broken.py fails to import: {said}"):
        load_file(file)
    with pytest.raises(BenchError, match=r"no file"):
        load_file(tmp_path / "absent.py")


class Entries:
    """importlib.metadata's entry points, planted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
        entry = importlib.metadata.EntryPoint("theirs", module, "benchbench.methods")
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [entry])


def test_entry_points_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spare: str) -> None:
    (tmp_path / "third_party.py").write_text(
        "from benchbench.registry import method\n"
        f"@method({spare!r}, needs='activation')\n"
        "def theirs(layer):\n    'Theirs.'\n    return layer.activation.mean(1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    Entries(monkeypatch, "third_party")
    Registry("method", "benchbench.methods").load()
    assert METHODS[spare].summary == "Theirs."


def test_an_entry_point_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    Entries(monkeypatch, "module_that_is_absent")
    with pytest.raises(BenchError, match=r"plugin 'theirs' of .*module_that_is_absent.* fails to import"):
        Registry("method", "benchbench.methods").load()
