"""docs/rivals.md is what its list says, and the list is right about the tools that are installed here."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchbench.methods.implementations import captum_methods, grad_cam_methods, torchcam_methods, zennit_methods

from .pages import ROOT
from .rivals_page import FILE, NOTE, SOURCE, Row, features, ours, sections, source, symbol, text

INSTALLED = ["quantus", "torchcam", "pytorch-grad-cam", "captum", "zennit", "saliency"]  # by the extra dev
ROWS = [row for each in sections().values() for row in each]


def test_the_page_is_up_to_date() -> None:
    """Else: python -m tests.docs.rivals_page."""
    assert FILE.read_text(encoding="utf-8") == text()


@cache
def package(tool: str) -> Path:
    """Its folder; nothing of it is imported."""
    spec = importlib.util.find_spec(source()["tools"][tool]["module"])
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@cache
def code(tool: str) -> dict[str, str]:
    """By path from the package's parent folder, the text of its files without its tests."""
    folder = package(tool)
    tests = {"tests", "testing"}
    every = (path for path in folder.rglob("*.py") if not path.stem.endswith("_test"))
    paths = [path for path in every if not tests & set(path.parts)]
    return {path.relative_to(folder.parent).as_posix(): path.read_text("utf-8", "replace") for path in sorted(paths)}


@cache
def symbols(tool: str) -> frozenset[str]:
    """FILE:NAME of every public class and function at the top of a file."""
    kinds = (ast.ClassDef, ast.FunctionDef)
    nodes = [(path, node) for path, content in code(tool).items() for node in ast.parse(content).body]
    return frozenset(f"{p}:{n.name}" for p, n in nodes if isinstance(n, kinds) and not n.name.startswith("_"))


def folded(name: str) -> str:
    name = re.sub(r"(Explainer|AttributionMethod|Metric|Attribution)$", "", name.removeprefix("compute_"))
    return re.sub(r"[-_.\s()]", "", name.replace("+", "plus")).lower()


def test_every_tool_that_is_installed_is_checked() -> None:
    """Else add it to INSTALLED, or to the tools that the list's head names as unchecked."""
    head = SOURCE.read_text(encoding="utf-8").partition("checked:")[0]
    for tool, known in source()["tools"].items():
        assert (tool in INSTALLED) != (known["title"] in head.partition("What is")[2]), tool


@pytest.mark.parametrize("tool", INSTALLED)
def test_the_version_is_the_installed_one(tool: str) -> None:
    """Else: read what is new in it, and write version and date."""
    known = source()["tools"][tool]
    assert importlib.metadata.version(known["package"]) == str(known["version"])


@pytest.mark.parametrize("tool", INSTALLED)
def test_what_a_tool_is_said_to_have_is_there(tool: str) -> None:
    listed_symbols = {row.cells[tool] for row in [*ROWS, *features()] if tool in row.has}
    assert listed_symbols
    assert listed_symbols <= symbols(tool), listed_symbols - symbols(tool)


@pytest.mark.parametrize("tool", INSTALLED)
def test_what_a_tool_is_said_not_to_have_is_not_there(tool: str) -> None:
    parts = source()["tools"][tool].get("within", [""])
    there: dict[str, str] = {}
    for each in symbols(tool):
        inside = each.partition("/")[2]
        if any(inside.startswith(part) for part in parts):
            there[folded(symbol(each))] = each
    for row in ROWS:
        if tool not in row.cells:
            clashes = [there[folded(name)] for name in (row.name, *row.names) if folded(name) in there]
            assert not clashes, f"{row.name}: {clashes}"


def _is_attributor(kind: Any, base: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, base) and kind is not base


def classes_of(tool: str) -> set[str]:
    """Every public method or metric of a tool, as its package exports them."""
    if tool == "quantus":
        import quantus

        kinds = vars(quantus).items()
        return {name for name, kind in kinds if hasattr(kind, "evaluation_category") and not name.startswith("B")}
    if tool == "saliency":
        core = importlib.import_module("saliency.core")
        return {name for name, kind in vars(core).items() if hasattr(kind, "GetSmoothedMask")}
    if tool == "zennit":
        attribution = importlib.import_module("zennit.attribution")
        attributors = {name for name, kind in vars(attribution).items() if _is_attributor(kind, attribution.Attributor)}
        return attributors | set(zennit_methods.classes())
    adapters = {"torchcam": torchcam_methods, "pytorch-grad-cam": grad_cam_methods, "captum": captum_methods}
    return set(adapters[tool].classes())


@pytest.mark.parametrize("tool", ["quantus", "torchcam", "pytorch-grad-cam", "zennit", "saliency"])
def test_no_method_or_metric_of_a_tool_is_forgotten(tool: str) -> None:
    left_out = set(source()["tools"][tool].get("left_out", {}))
    listed = {symbol(row.cells[tool]) for row in ROWS if tool in row.has}
    forgotten = classes_of(tool) - listed - left_out - {"Metric"}
    assert not forgotten, f"add a row to rivals.yaml: {sorted(forgotten)}"


@pytest.mark.parametrize("tool", INSTALLED)
@pytest.mark.parametrize("row", features(), ids=lambda row: row.name)
def test_features_are_where_the_search_finds_them(row: Row, tool: str) -> None:
    matching = [path for path, content in code(tool).items() if re.search(row.search, content, re.I | re.M)]
    cell = row.cells.get(tool, "")
    if cell and not cell.startswith(NOTE):
        assert matching
    elif not cell:
        assert not matching, f"{row.name}: {matching[:3]}"


def test_our_own_side_is_there() -> None:
    for row in features():
        assert all((ROOT / name).exists() for name in row.ours), row.name
    assert all(ours(row) for row in ROWS if row.name in ("Grad-CAM", "ROAD", "MaxBoxAcc"))
    cells = [cell for row in ROWS for cell in row.cells.values()]
    assert all(cell.startswith(NOTE) or re.fullmatch(r"[\w/]+\.py:\w+", cell) for cell in cells)
