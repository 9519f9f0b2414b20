"""Valid inputs made invalid: bytes that are changed, cut or repeated; values of a tree that are of another kind."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

Path = tuple[Any, ...]
ODD_BYTES = (
    b"",
    b"\0",
    b"\xff" * 9,
    b"\x80\x04cos\nsystem\n",
    b"../../x",
    b"\x1b]0;x\x07",
    b"9" * 40,
    b"{" * 50,
    b"\r\n\n",
)
ODD_TEXTS = (
    *(
        "",
        " ",
        "x",
        "../../x",
        "/etc/passwd",
        "a\0b",
        "\x1b[31mred",
        "\u202eevil",
        "\ud800",
        "=1+1",
        "<script>x</script>",
    ),
    *("\\input{x}", "{{7*7}}", "%s%n", "x" * 5000, "nan", "1e999", "~nobody/x", "٣", "²"),
)
_DEEP: Any = 0
for _ in range(90):
    _DEEP = [_DEEP]
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**31, 10**30, 1.5, -0.0, 1e308, math.inf, math.nan),
    *([], {}, [[]], [None], {"": None}, {"a": {"b": 1}}, [1, "a"], _DEEP),
    *ODD_TEXTS,
)


@st.composite
def changed_bytes(draw: st.DrawFn, valid: Sequence[bytes], most: int = 4) -> bytes:
    """One of the valid contents, changed in one to ``most`` places."""
    content = bytearray(draw(st.sampled_from(list(valid))))
    for _ in range(draw(st.integers(1, most))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        match draw(st.sampled_from(["set", "flip", "cut", "insert", "repeat", "drop"])):
            case "set" if content:
                content[at] = draw(st.integers(0, 255))
            case "flip" if content:
                content[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del content[at:]
            case "insert":
                content[at:at] = draw(st.sampled_from(ODD_BYTES))
            case "repeat":
                content[at:at] = content[at : at + 40]
            case _:
                del content[at : at + draw(st.integers(1, 60))]
    return bytes(content)


def places(tree: Any, path: Path = ()) -> Iterator[Path]:
    """The path of every value of a tree of dictionaries and lists."""
    yield path
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        yield from places(value, (*path, key))


def replaced(tree: Any, path: Path, value: Any) -> Any:
    """A copy of the tree with another value at a path."""
    if not path:
        return value
    whole = copy.deepcopy(tree)
    inner = whole
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return whole


def without(tree: Any, path: Path) -> Any:
    """A copy of the tree without the value at a path."""
    whole = copy.deepcopy(tree)
    inner = whole
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return whole


@st.composite
def changed_trees(draw: st.DrawFn, valid: Any, odd: Sequence[Any] = ODD_VALUES) -> Any:
    """The valid tree with one or two values replaced, lost or moved."""
    tree = valid
    for _ in range(draw(st.integers(1, 2))):
        known = list(places(tree))
        path = draw(st.sampled_from(known))
        match draw(st.sampled_from(["odd", "odd", "odd", "lost", "moved", "named"])):
            case "lost" if path:
                tree = without(tree, path)
            case "moved":
                other = tree
                for key in draw(st.sampled_from(known)):
                    other = other[key]
                tree = replaced(tree, path, copy.deepcopy(other))
            case "named" if path and isinstance(path[-1], str):
                inner = tree
                for key in path:
                    inner = inner[key]
                tree = replaced(without(tree, path), (*path[:-1], draw(st.sampled_from(ODD_TEXTS))), inner)
            case _:
                tree = replaced(tree, path, copy.deepcopy(draw(st.sampled_from(list(odd)))))
    return tree
