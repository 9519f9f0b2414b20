"""Names say what a thing is: six words are no identifiers, and no two files have one name."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.test_house import ROOT, files, tree_of

# A word of these says that there is something, and not what. Strings are no identifiers: keys of JSON files and columns
# of tables stay as users know them.
WORDS = {"found", "given", "made", "one", "own", "said"}


def identifiers(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names that the code binds, with their lines: variables, arguments, attributes, functions, classes, keywords."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=str(name), ctx=ast.Store()) | ast.Attribute(attr=str(name), ctx=ast.Store()):
                yield name, node.lineno
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno
            case ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield name, node.lineno
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name, node.lineno
            case ast.alias(asname=str(name)):
                yield name, node.lineno


def sources_of_tests() -> list[Path]:
    """The files of tests/, but for what is installed below it for browsers."""
    return [path for path in sorted((ROOT / "tests").rglob("*.py")) if "node_modules" not in path.parts]


def vague(tree: ast.Module) -> list[tuple[str, int]]:
    return [(name, line) for name, line in identifiers(tree) if name.strip("_").lower() in WORDS]


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_name_is_a_word_that_says_nothing(path: Path) -> None:
    assert not vague(tree_of(path)), f"{path}: what is it?"


def test_no_name_in_the_tests_is_a_word_that_says_nothing() -> None:
    assert {path: names for path in sources_of_tests() if (names := vague(tree_of(path)))} == {}, "what is it?"


PLANTED = [
    "one = 1",
    "_found: int = 1",
    "own: int",
    "self.said = 1",
    "for one, other in pairs: pass",
    "[x for given in values]",
    "def f(a, *, made=1): pass",
    "def f(*given): pass",
    "lambda one: 1",
    "def _found(): pass",
    "class Made: pass",
    "call(own=1)",
    "import os as found",
    "with a as said: pass",
    "(one := 1)",
    "try: pass\nexcept E as made: pass",
    "match a:\n    case [given, *_]: pass",
    "match a:\n    case [x, *found]: pass",
]


@pytest.mark.parametrize("code", PLANTED)
def test_a_planted_name_is_seen(code: str) -> None:
    assert len(vague(ast.parse(code))) == 1


@pytest.mark.parametrize("code", ["a['made'] = 1", "'one'  # found", "a.own", "own_label = 1", "None", "call(**given)"])
def test_words_that_name_nothing_are_no_names(code: str) -> None:
    assert not vague(ast.parse(code))


SUITE_FILES = {"suite", "tables", "words", "verdicts"}  # every suite has the first, and others as it needs them
SHOWING = {"checks", "figures", "html", "terminal"}  # folders of reports/ whose files show what another file computes


def home_of(path: Path) -> str:
    """The convention by which a file may have another file's name, or empty."""
    parts = path.parts
    if parts[:2] == ("benchbench", "cli"):
        return "command"
    if parts[:2] == ("benchbench", "suites") and len(parts) == 4 and path.stem in SUITE_FILES:
        return "suite"
    return "show" if parts[0] == "reports" and parts[1] in SHOWING else ""


def same_named(paths: Iterable[Path]) -> list[list[Path]]:
    """Files of one name, but for what a convention names: a command, a part of a suite, and what a report shows.

    Args:
        paths: below the repository's root.
    """
    groups: dict[tuple[str, str], list[Path]] = {}
    for path in paths:
        if path.stem not in ("__init__", "__main__"):
            owner = str(path.parent) if home_of(path) == "suite" else home_of(path)
            groups.setdefault((path.stem, owner), []).append(path)
    return [group for group in groups.values() if len(group) > 1]


def test_no_two_files_have_one_name_outside_the_conventions() -> None:
    assert not same_named(path.relative_to(ROOT) for path in files()), "name the less public one by what it holds"


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        ("benchbench/seeds.py", "benchbench/suites/localisation/seeds.py", True),
        ("benchbench/api/explain.py", "benchbench/attribution/explain.py", True),
        ("benchbench/types/cost.py", "metrics/cost.py", True),
        ("reports/html/matrix.py", "reports/figures/matrix.py", True),
        ("reports/latex/layout.py", "benchbench/datasets/archives/layout.py", True),
        ("benchbench/suites/bias/scores.py", "benchbench/suites/depth/scores.py", True),
        ("benchbench/suites/bias/tables.py", "benchbench/suites/depth/tables.py", False),
        ("benchbench/suites/bias/words.py", "benchbench/words.py", False),
        ("benchbench/cli/merge.py", "benchbench/results/merge.py", False),
        ("reports/html/subgroups.py", "benchbench/stats/subgroups.py", False),
        ("benchbench/cli/__init__.py", "benchbench/api/__init__.py", False),
    ],
)
def test_a_planted_file_of_another_files_name_is_seen(first: str, second: str, refused: bool) -> None:
    assert bool(same_named([Path(first), Path(second)])) is refused
