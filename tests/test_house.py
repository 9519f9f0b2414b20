"""Who may import whom, read from the code; and that nothing but the registries is global."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# An arrow never runs upwards: a package imports only packages of the floors below its own; the ground imports itself.
FILES = (
    "console",
    "containment",
    "digests",
    "errors",
    "failure_policy",
    "files",
    "formatting",
    "paths",
    "per_image",
    "plugin_guard",
    "processors",
    "quick_imports",
    "seeds",
    "untrusted_picture",
)
FLOORS = [
    [*FILES, "vocabulary"],
    ["types", "registry", "results", "maps"],
    ["study", "cost", "models", "perturbation", "stats", "tracing"],
    ["network", "datasets", "regression", "methods", "metrics", "viz"],
    ["attribution", "evaluation", "reports"],
    ["engine"],
    ["suites", "audit", "remote", "looking"],
    ["api"],
    ["app"],
    ["testing", "cli"],
]
FLOOR = {name: height for height, names in enumerate(FLOORS) for name in names}
ENTRIES = ("__init__", "__main__", "pytest_plugin")
GROUND = set(FLOORS[0])
PLUGINS = GROUND | {"types", "registry", "maps", "perturbation"}
MAY = {
    "methods": PLUGINS,
    "metrics": PLUGINS,
    "reports": GROUND | {"results", "stats", "regression"},
    "regression": GROUND | {"results", "stats"},
    "datasets": GROUND | {"types", "registry", "models"},
    "stats": GROUND | {"results"},
}
NO_TORCH = {"registry", "results", "stats", "reports", "cli", "regression", "digests", "errors", "files", "formatting"}
NO_TORCH |= {
    "console",
    "paths",
    "processors",
    "quick_imports",
    "remote",
    "seeds",
    "untrusted_picture",
    "vocabulary",
    "pytest_plugin",
}

TORCHLESS_FILES = {
    ("study", "spec.py"),
    ("study", "study_file.py"),
    ("engine", "progress.py"),
    ("engine", "time_left.py"),
    ("engine", "crew.py"),
    ("engine", "read_run.py"),
}


def room(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] != "benchbench" else parts[1]


@cache
def files() -> tuple[Path, ...]:
    paths = [p for p in (ROOT / "benchbench").rglob("*.py") if not p.is_symlink()]
    inside = [p for p in paths if p.relative_to(ROOT).parts[1] not in ("methods", "metrics", "reports")]
    return (*inside, *(p for name in ("methods", "metrics", "reports") for p in (ROOT / name).rglob("*.py")))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """All of a file's tree."""
    return tuple(ast.walk(tree_of(path)))


@cache
def imports(path: Path, top_only: bool) -> list[tuple[str, int]]:
    """Absolute module names; relative ones resolved. ``top_only`` leaves out what is imported inside functions."""
    nodes = tree_of(path).body if top_only else nodes_of(path)
    parts = path.relative_to(ROOT).with_suffix("").parts
    package = parts[:-1] if parts[0] == "benchbench" else ("benchbench", *parts[:-1])
    imported = []
    for node in nodes:
        if isinstance(node, ast.Import):
            imported += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            name = ".".join([*base, *([node.module] if node.module else [])])
            deeper = [f"{name}.{a.name}" for a in node.names] if name == "benchbench" else [name]
            imported += [(each, node.lineno) for each in deeper]
    return imported


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_arrows_run_down(path: Path) -> None:
    package = room(path)
    if package in ENTRIES:
        return  # they name what is below, and import it lazily
    assert package in FLOOR, f"{package} is in no room: give it a floor here, and a line in the docs"
    for name, line in imports(path, top_only=False):
        parts = name.split(".")
        assert parts[0] not in ("methods", "metrics", "reports"), f"{path}:{line} imports a room by its bare name"
        if parts[0] != "benchbench" or len(parts) < 2 or parts[1] == package:
            continue
        assert parts[1] in FLOOR, f"{path}:{line} imports {name}"
        ground = package in GROUND and parts[1] in GROUND
        assert ground or FLOOR[parts[1]] < FLOOR[package], f"{path}:{line}: {package} must not know {parts[1]}"
        assert parts[1] in MAY.get(package, {parts[1]}), f"{path}:{line}: {package} may not import {parts[1]}"


def test_no_circle() -> None:
    """No file imports a file that imports it, on any way, inside functions neither; but for what packages export."""
    graph: dict[str, set[str]] = {}
    known = {module_name(path) for path in files()}
    for path in files():
        if path.name != "__init__.py":
            named = {name for name, _ in imports(path, top_only=False)} | set(_submodules(path))
            graph[module_name(path)] = {name for name in named & known if name != module_name(path)}
    TopologicalSorter(graph).prepare()  # raises CycleError with the circle


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    named = parts if parts[0] == "benchbench" else ("benchbench", *parts)
    return ".".join(named[:-1] if named[-1] == "__init__" else named)


def _submodules(path: Path, top_only: bool = False) -> Iterator[str]:
    """What ``from PACKAGE import NAME`` may name as a module."""
    package = module_name(path).rpartition(".")[0].split(".")
    for node in tree_of(path).body if top_only else nodes_of(path):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *([node.module] if node.module else [])]
            yield from (".".join([*base, alias.name]) for alias in node.names)


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_torch_stays_out_of_what_does_not_need_it(path: Path) -> None:
    if room(path) in NO_TORCH or path.parts[-2:] in TORCHLESS_FILES:
        heavy = [name for name, _ in imports(path, top_only=False) if name.split(".")[0] in ("torch", "torchvision")]
        assert not heavy


def test_every_file_without_torch_exists() -> None:
    assert {path.parts[-2:] for path in files()} >= TORCHLESS_FILES


@pytest.mark.parametrize("name", ["methods", "metrics", "reports"])
def test_a_room_cannot_be_imported_by_its_bare_name(name: str) -> None:
    with pytest.raises(ImportError, match=f"benchbench.{name}"):
        importlib.import_module(name)


STEPS = {  # imported in this order; before a step, only what the steps before it load is there
    "pytest": "import benchbench.pytest_plugin",
    "command line": "import benchbench.cli",
    "report": "import benchbench.results.schema, benchbench.stats\n"
    "from benchbench.reports import leaderboard_files\nfrom benchbench.reports.html import document",
    "run": "import benchbench\ntry:\n    benchbench.Run.load('none')\nexcept benchbench.BenchError:\n    pass",
    "study": "from benchbench.study.spec import StudySpec as S\nimport benchbench.engine.runner\n"
    "net = 'tests/engine/workers/quick_network.py:net'\n"
    "S(models=[net], datasets=['shapes'], methods=['gradcam'], metrics=['passes'])",
    "photos": "import benchbench.datasets as d\nd.photos.photos().ids",
}


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """By step, the modules that are there after it, in a process of its own."""
    script = "import gc, sys, json\ngc.disable()\n"
    script += "\n".join(f"{code}\nprint(json.dumps(sorted(sys.modules)))" for code in STEPS.values())
    script += "\ngc.freeze()"  # what is imported is not visited in the end either
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    lines = done.stdout.splitlines()[-len(STEPS) :]
    return {step: set(json.loads(line)) for step, line in zip(STEPS, lines, strict=True)}


def test_pytest_does_not_wait_for_torch(loaded: dict[str, set[str]]) -> None:
    """The plugin is loaded in every session of whoever has benchbench installed."""
    assert not loaded["pytest"] & {"torch", "numpy", "pandas", "pydantic", "benchbench.registry"}


def test_the_command_line_does_not_wait_for_torch(loaded: dict[str, set[str]]) -> None:
    assert not loaded["command line"] & {"torch", "pandas", "scipy", "matplotlib"}


def test_a_report_is_rebuilt_without_torch(loaded: dict[str, set[str]]) -> None:
    assert "torch" not in loaded["report"]


def test_a_run_is_read_without_torch(loaded: dict[str, set[str]]) -> None:
    """It takes 500 MB, a quarter of what the report of 2,000,000 rows may take."""
    assert "benchbench.api.run" in loaded["run"]
    assert "torch" not in loaded["run"]


def test_a_study_of_a_user_s_network_does_not_wait_for_torchvision(loaded: dict[str, set[str]]) -> None:
    """It takes as long to import as torch."""
    assert {"torch", "benchbench.methods"} <= loaded["study"]
    assert "torchvision" not in loaded["study"]


DRAWING = {"benchbench.reports.html.document", "benchbench.suites.builtin_suites"}


def test_a_run_that_draws_nothing_does_not_wait_for_what_draws() -> None:
    """Read from the code: what ``bb.Study`` imports, and what that imports, on every way."""
    paths = {module_name(path): path for path in files()}
    seen: set[str] = set()
    waiting = ["benchbench.api.study"]
    while waiting:
        name = waiting.pop()
        seen.add(name)
        if name in paths:
            above = [name.rpartition(".")[0]]
            named = [
                *above,
                *(each for each, _ in imports(paths[name], top_only=True)),
                *_submodules(paths[name], True),
            ]
            waiting += [each for each in dict.fromkeys(named) if each not in seen]
    assert {"benchbench.engine.runner", "benchbench.reports.html.refresh", "torch"} <= seen
    assert not {name.split(".")[0] for name in seen} & {"matplotlib", "seaborn", "itables", "torchvision"}
    assert not {*DRAWING, "scipy.stats"} & seen
    assert paths.keys() >= DRAWING


def test_foolbox_is_never_imported(loaded: dict[str, set[str]]) -> None:
    assert "foolbox" not in loaded["photos"]


MAKERS = {
    "attribution.captured_maps",
    "engine.method_cost",
    "engine.shard",
    "evaluation.evaluate",
    "failure_policy",
    "seeds",
}
# Where results are kept and said; what makes numbers may use these, though no number comes from them.
KEPT = {"files", "formatting", "results", "evaluation.cell_reader", "models", "models.load", "engine.missing_cells"}
BESIDE = {  # these make numbers, and write, describe or pool them too
    "engine.setup": {"engine.provenance"},
    "evaluation.pooled": {"stats.resampling"},
    "suites.reliability.disturbances": {
        "engine.lock",
        "engine.plugin_marks",
        "engine.progress",
        "engine.runner",
        "engine.result_rows",
        "engine.stopping",
        "stats",
    },
}


def test_an_edit_of_what_numbers_come_from_makes_them_anew() -> None:
    """What is in the engine's digest imports nothing that is left out of it, but what keeps results and says things."""
    from benchbench.study.identity import NO_NUMBERS, NUMBERS, numeric_files

    home, digested = ROOT / "benchbench", set(numeric_files())
    assert all((home / name).exists() for name in (*NO_NUMBERS, *NUMBERS))
    left_out = {_dotted(path, home) for path in home.rglob("*.py")} - {_dotted(path, home) for path in digested}
    assert not left_out & MAKERS
    for path in digested:
        module = _dotted(path, home)
        named = {name.removeprefix("benchbench.") for name, _ in imports(path, top_only=False)}
        used = {name for name in named & left_out if name not in KEPT and name.split(".")[0] != "results"}
        assert used <= BESIDE.get(module, set()), f"{module} uses {used}, which the digest leaves out"


def _dotted(path: Path, home: Path) -> str:
    parts = path.relative_to(home).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_every_name_in_the_lists_of_this_file_is_there() -> None:
    """A list with a name that no file has would hold nothing."""
    rooms = {room(path) for path in files()}
    may = [*MAY, *chain(*MAY.values())]
    packages: dict[str, Iterable[str]] = {"FLOORS": FLOOR, "ENTRIES": ENTRIES, "MAY": may, "NO_TORCH": NO_TORCH}
    assert {name: set(listed) - rooms for name, listed in packages.items()} == {key: set[str]() for key in packages}
    known = {module_name(path).removeprefix("benchbench.") for path in files()}
    modules: dict[str, Iterable[str]] = {"MAKERS": MAKERS, "KEPT": KEPT, "BESIDE": [*BESIDE, *chain(*BESIDE.values())]}
    assert {name: set(listed) - known for name, listed in modules.items()} == {key: set[str]() for key in modules}


def test_no_name_means_two_things() -> None:
    """No two public classes of one name; no function in the face of a package that hides its module."""
    classes: dict[str, Path] = {}
    for path in files():
        for name in [
            node.name for node in tree_of(path).body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        ]:
            assert name not in classes, f"{path} and {classes[name]} have a class {name} each"
            classes[name] = path
    for path in files():
        if path.name == "__init__.py":
            modules = {p.stem for p in path.parent.glob("*.py")} | {p.name for p in path.parent.iterdir() if p.is_dir()}
            for node in nodes_of(path):
                if isinstance(node, ast.ImportFrom) and node.module:
                    hidden = {alias.asname or alias.name for alias in node.names} & modules
                    assert not hidden, f"{path}: {hidden}"


def test_files_and_functions_stay_small() -> None:
    for path in files():
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 330, f"{path} is long: what is its second job?"
        for node in nodes_of(path):
            if isinstance(node, ast.FunctionDef):
                length = (
                    (node.end_lineno or node.lineno) - node.lineno - len((ast.get_docstring(node) or "").split("\n"))
                )
                assert length <= 60, f"{path}:{node.lineno} {node.name} is long: what is its second job?"
