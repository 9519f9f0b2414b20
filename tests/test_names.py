"""Names say what a thing is: six words are no identifiers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
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


def vague(tree: ast.Module) -> list[tuple[str, int]]:
    return [(name, line) for name, line in identifiers(tree) if name.strip("_").lower() in WORDS]


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_name_is_a_word_that_says_nothing(path: Path) -> None:
    assert not vague(tree_of(path)), f"{path}: what is it?"


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
