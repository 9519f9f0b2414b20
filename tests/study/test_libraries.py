"""An upgrade of a library changes the digests of the code that imports it, and of no other."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchbench import digests
from benchbench.datasets.sources.serial import serial
from benchbench.datasets.sources.wrapped import WrappedData
from benchbench.digests import imported_modules, source_digest, versions_of
from benchbench.registry import DATASETS, METHODS, METRICS, Registry
from benchbench.study.identity import NO_NUMBER_LIBRARIES, engine_digest, numeric_files, numeric_libraries
from benchbench.study.plan import shards, tasks
from tests.datasets import layouts
from tests.engine.test_growth import Counted, model, planned, study
from tests.test_house import files, imports

Upgrade = Callable[[str], None]


@pytest.fixture
def upgrade(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upgrade]:
    """Gives a distribution another version, as in a process after ``pip install -U``."""
    honest, planted = importlib.metadata.version, dict[str, str]()

    def forget() -> None:
        digests._version.cache_clear()
        engine_digest.cache_clear()

    def upgraded(distribution: str) -> None:
        planted[distribution] = "999"
        forget()

    monkeypatch.setattr(importlib.metadata, "version", lambda name: planted.get(name) or honest(name))
    forget()
    yield upgraded
    monkeypatch.undo()
    forget()


def _digest(registry: Registry[Any], name: str) -> str:
    """As a process takes it that has just started."""
    return str(replace(registry[name]).source_digest)


@pytest.mark.parametrize(
    ("registry", "name", "distribution", "changes"),
    [
        (METHODS, "deeplift", "captum", True),
        (METHODS, "liftcam", "captum", True),
        (METRICS, "captum:infidelity", "captum", True),
        (METHODS, "xrai", "scikit-image", True),
        (METHODS, "gradcam", "captum", False),
        (METHODS, "gradcam", "scikit-image", False),
        (METHODS, "deeplift", "scikit-image", False),
        (METRICS, "deletion", "captum", False),
        (METRICS, "deletion", "torch", False),  # the engine's digest has it
    ],
)
def test_the_digest_of_a_plugin(
    registry: Registry[Any], name: str, distribution: str, changes: bool, upgrade: Upgrade
) -> None:
    before = _digest(registry, name)
    upgrade(distribution)
    assert (_digest(registry, name) != before) is changes


@pytest.mark.parametrize("distribution", ["scikit-image", "pillow", "torch"])
def test_the_cells_of_superpixels(distribution: str, upgrade: Upgrade) -> None:
    """SLIC is the engine's: every cell is another one."""

    def names() -> set[str]:
        [task] = planned(Counted(2), ["lime", "gradcam"], ["irof", "sparseness"])
        return {task.predictions, *(cell.name for cell in task.maps), *(cell.name for cell in task.metrics)}

    before = names()
    assert names() == before
    upgrade(distribution)
    assert not names() & before


class Decoded(Counted):
    """Data whose masks a library decodes."""

    decoded_by = ("pycocotools",)


@pytest.mark.parametrize("how", [lambda data: data, serial, WrappedData], ids=["plain", "serial", "wrapped"])
@pytest.mark.parametrize(("kind", "changes"), [(Decoded, True), (Counted, False)])
def test_the_cells_of_data_that_a_library_decodes(
    kind: type[Counted], changes: bool, how: Callable[[Any], Any], upgrade: Upgrade
) -> None:
    """Its masks may be others, whose bytes in the files, and so whose fingerprints, are the same."""

    def names() -> set[str]:
        wanted = study(2, [{"name": "dataset-mean", "of": "random"}], ["pointing_game"])
        [task] = [tasks(shard, wanted) for shard in shards(model(), how(kind(2)), "counted", "predicted", wanted)]
        cells = [*task.maps, *task.bases]
        return {task.predictions, *(cell.name for cell in cells), *(cell.name for cell in task.metrics)}

    before = names()
    assert names() == before
    upgrade("pycocotools")
    assert (not names() & before) is changes
    assert (names() == before) is not changes


def test_coco_says_what_decodes_its_masks(tmp_path: Path) -> None:
    """And data whose masks are pictures name nothing."""
    pytest.importorskip("pycocotools")
    layouts.coco(tmp_path / "coco")
    layouts.pets(tmp_path / "pets")
    assert DATASETS["coco"].function(root=tmp_path / "coco").decoded_by == ("pycocotools",)
    assert DATASETS["oxford_pets"].function(root=tmp_path / "pets").decoded_by == ()


def test_a_library_that_makes_no_number_changes_no_cell(upgrade: Upgrade) -> None:
    before = engine_digest()
    upgrade("pydantic")
    upgrade("pandas")
    assert engine_digest() == before


def test_the_libraries_of_the_engine() -> None:
    """Read from its files. Whatever plugins leave out is among them, and every library that makes no number is one."""
    assert set(numeric_libraries()) == {"PIL", "numpy", "scipy", "skimage", "torch", "torchvision"}
    assert digests._NOT_OF_PLUGINS - {"pydantic"} <= set(numeric_libraries())
    named = frozenset[str]().union(*(imported_modules(path.read_bytes()) for path in numeric_files()))
    assert named >= NO_NUMBER_LIBRARIES


def test_a_library_of_a_user_s_helper(tmp_path: Path, upgrade: Upgrade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "upgraded_helper.py").write_text("def help():\n    import captum.attr, its_data\n    return captum\n")
    (tmp_path / "its_data.py").write_text("SIZE = 1\n")
    (tmp_path / "upgraded_plugin.py").write_text("from upgraded_helper import help\ndef plugin():\n    return help()\n")
    importlib.invalidate_caches()
    plugin = importlib.import_module("upgraded_plugin").plugin
    before = source_digest(plugin)
    upgrade("scikit-image")
    assert source_digest(plugin) == before
    upgrade("captum")
    assert source_digest(plugin) != before


@pytest.mark.parametrize(
    "body", ["import captum.attr\n    return captum.attr", "return attr.Saliency", "return (lambda: Saliency)()"]
)
def test_a_library_of_code_without_a_file(body: str, upgrade: Upgrade) -> None:
    attr = importlib.import_module("captum.attr")
    scope: dict[str, Any] = {"attr": attr, "Saliency": attr.Saliency}
    exec(f"def plugin():\n    {body}\n", scope)
    before = source_digest(scope["plugin"])
    upgrade("captum")
    assert source_digest(scope["plugin"]) != before


def test_every_import_of_our_files_is_read() -> None:
    """Beside Python's own parser, which takes a hundred times as long."""
    for path in files():
        parsed = {name.partition(".")[0] for name, _ in imports(path, top_only=False)}
        assert parsed - sys.stdlib_module_names - {"benchbench"} <= imported_modules(path.read_bytes()), path


def test_the_names_of_distributions() -> None:
    """Those that are written down are those that Python finds; a module of no library has no version."""
    listed = importlib.metadata.packages_distributions()
    for module, distribution in digests._DISTRIBUTIONS.items():
        assert distribution.lower() in [name.lower() for name in listed[module]]
    assert set(versions_of(["torch", "skimage", "the", "no_library_has_it"])) == {"torch", "skimage"}
    assert versions_of(["dateutil"]) == {"dateutil": importlib.metadata.version("python-dateutil")}
