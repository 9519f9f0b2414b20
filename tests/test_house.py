"""Who may import whom, read from the code; and that nothing but the registries is global."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# An arrow never runs upwards: a file may import only files of the floors below its own.
FLOORS = [
    ["errors", "wording"],
    ["paths", "sources", "files", "retries", "containing"],
    ["checkpoints", "importing", "runfolder", "plugins", "studyfile"],
    ["registry", "identity"],
    ["axes", "flow"],
    ["axis_moves"],
    ["axis_rules", "layout", "views"],
    ["tracing"],
    ["reading"],
    ["words"],
    ["types", "wrapping"],
    ["table", "preprocess", "imputation", "regions", "capture", "allocator", "given", "health"],
    ["targets", "lending"],
    ["fills", "changed", "redraw"],
    ["perturb"],
    ["equal"],
    ["attention", "cut", "derivatives", "overlays", "pictures", "rounding", "sharing", "similarity"],
    ["unmapped"],
    ["screen", "scaffold", "store", "lock", "stats", "layers", "prepare", "promises", "cautions", "datasets", "models"],
    ["methods", "metrics", "study", "networks"],
    ["regression", "continuing"],
    ["scoring", "reports", "plan", "snapshots"],
    ["moot"],
    ["exported", "masked", "probing", "proven"],
    ["services", "cost", "ready", "provenance", "progress", "rows", "pages"],
    ["across", "pooled", "answers", "cost_rows"],
    ["assemble"],
    ["loading", "sizing", "preflight"],
    ["explaining", "showing", "tray"],
    ["again"],
    ["subject", "asked"],
    ["judge"],
    ["work", "derived", "method_testing", "metric_testing", "weaknesses"],
    ["costing", "contracts", "costs_alone"],
    ["setup"],
    ["runner"],
    ["disturbing", "reliability"],
    ["finished"],
    ["api"],
    ["illustrating", "listing", "spelling", "asserting", "session_runs"],
    ["testing"],
    ["pytest_plugin"],
    ["commands", "gating"],
    ["cli"],
    ["__main__", "__init__"],
]
FLOOR = {name: height for height, names in enumerate(FLOORS) for name in names}
MAY = {
    "methods": {"types", "registry", "errors", "wrapping", "fills"},
    "metrics": {"types", "registry", "errors", "perturb", "fills", "regions", "similarity", "views"},
    "reports": {"table", "stats", "regression", "errors", "files", "wording"},
    "regression": {"table", "stats", "errors", "files", "wording", "paths"},
    "datasets": {"types", "registry", "errors", "paths", "preprocess"},
    "stats": {"table", "errors"},
    "store": {"table", "errors", "files", "retries", "runfolder"},
    "table": {"errors", "files", "paths", "runfolder"},
    "runfolder": {"errors", "files"},
    "lock": {"errors", "files", "runfolder"},
    "files": {"errors"},
    "importing": {"errors", "paths", "sources"},
    "plugins": {"errors", "paths", "sources"},
    "registry": {"errors", "importing", "plugins"},
    "study": {"registry", "errors", "importing", "paths", "studyfile"},
    "studyfile": {"errors", "paths"},
    "scaffold": {"errors", "files"},
}
NO_TORCH = {
    "importing",
    "paths",
    "sources",
    "studyfile",
    "errors",
    "plugins",
    "registry",
    "study",
    "store",
    "table",
    "stats",
    "reports",
    "progress",
    "assemble",
    "cli",
    "commands",
    "gating",
    "listing",
    "regression",
    "screen",
    "pytest_plugin",
    "snapshots",
}


def room(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] != "benchbench" else parts[1]


def files() -> list[Path]:
    found = [p for p in (ROOT / "benchbench").rglob("*.py") if not p.is_symlink()]
    inside = [p for p in found if p.relative_to(ROOT).parts[1] not in ("methods", "metrics", "reports")]
    return inside + [p for name in ("methods", "metrics", "reports") for p in (ROOT / name).rglob("*.py")]


def imports(path: Path, top_only: bool) -> list[tuple[str, int]]:
    """Absolute module names; relative ones resolved. ``top_only`` leaves out what is imported inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_only else ast.walk(tree)
    parts = path.relative_to(ROOT).with_suffix("").parts
    package = parts[:-1] if parts[0] == "benchbench" else ("benchbench", *parts[:-1])
    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            name = ".".join([*base, *([node.module] if node.module else [])])
            deeper = [f"{name}.{a.name}" for a in node.names] if name == "benchbench" else [name]
            found += [(each, node.lineno) for each in deeper]
    return found


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_arrows_run_down(path: Path) -> None:
    own = room(path)
    if own == "__init__":
        return  # names the faces, and imports them lazily
    assert own in FLOOR, f"{own} is in no room: give it a floor here, and a line in the docs"
    for name, line in imports(path, top_only=False):
        parts = name.split(".")
        assert parts[0] not in ("methods", "metrics", "reports"), f"{path}:{line} imports a room by its bare name"
        if parts[0] != "benchbench" or len(parts) < 2 or parts[1] == own:
            continue
        assert parts[1] in FLOOR, f"{path}:{line} imports {name}"
        assert FLOOR[parts[1]] < FLOOR[own], f"{path}:{line}: {own} must not know {parts[1]}"
        assert parts[1] in MAY.get(own, {parts[1]}), f"{path}:{line}: {own} may not import {parts[1]}"


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_torch_stays_out_of_what_does_not_need_it(path: Path) -> None:
    if room(path) in NO_TORCH:
        heavy = [name for name, _ in imports(path, top_only=False) if name.split(".")[0] in ("torch", "torchvision")]
        assert not heavy


@pytest.mark.parametrize("name", ["methods", "metrics", "reports"])
def test_a_room_cannot_be_imported_by_its_bare_name(name: str) -> None:
    with pytest.raises(ImportError, match=f"benchbench.{name}"):
        importlib.import_module(name)


def modules_after(code: str) -> set[str]:
    script = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_pytest_does_not_wait_for_torch() -> None:
    """The plugin is loaded in every session of whoever has benchbench installed."""
    loaded = modules_after("import benchbench.pytest_plugin")
    assert not loaded & {"torch", "numpy", "pandas", "pydantic", "benchbench.registry"}


def test_the_command_line_does_not_wait_for_torch() -> None:
    loaded = modules_after("import benchbench.cli")
    assert not loaded & {"torch", "pandas", "scipy", "matplotlib"}


def test_a_report_is_rebuilt_without_torch() -> None:
    loaded = modules_after("import benchbench.results.schema, benchbench.stats\nfrom benchbench.reports import html, tables")
    assert "torch" not in loaded


def test_foolbox_is_never_imported() -> None:
    assert "foolbox" not in modules_after("import benchbench.datasets as d\nd.photos.photos().ids")


def test_no_number_comes_from_what_the_engine_s_digest_leaves_out() -> None:
    """What makes maps, scores and costs imports nothing that NO_NUMBERS lists, but to keep, to count and to fail."""
    from benchbench.study.identity import NO_NUMBERS

    kept = {"files", "retries", "runfolder", "store", "table", "wording"}  # where results are, and their words
    loaded = {"checkpoints", "models", "networks"}  # a network's digest is its weights, code and answers
    beside = {  # they make numbers, and write or summarise them too
        "setup": {"provenance"},
        "disturbing": {"assemble", "lock", "progress", "runner", "stats"},
        "pooled": {"pages", "stats"},
        "across": {"pages"},
    }
    rooms = {room(path) for path in files()}
    assert rooms >= NO_NUMBERS - {"methods", "metrics", "reports"}
    for path in files():
        if room(path) in NO_NUMBERS:
            continue
        named = {name.split(".")[1] for name, _ in imports(path, top_only=False) if name.startswith("benchbench.")}
        outside = beside.get(room(path), set())
        assert (named & NO_NUMBERS) - kept - loaded - outside == set(), path


def test_an_edit_of_any_other_file_makes_numbers_anew() -> None:
    from benchbench.study.identity import NO_NUMBERS, numeric_files

    digested = {path.relative_to(ROOT / "benchbench").as_posix() for path in numeric_files()}
    assert {"judge.py", "datasets/cutouts.py", "scoring.py", "perturb.py"} <= digested
    assert not any(name.split("/")[0].removesuffix(".py") in NO_NUMBERS for name in digested)


def test_files_and_functions_stay_small() -> None:
    for path in files():
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 330, f"{path} is long: what is its second job?"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno
                assert length <= 60, f"{path}:{node.lineno} {node.name} is long: what is its second job?"
