"""A study file's keys, and the items of its lists: read without running anything; what stands twice is refused."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..errors import BenchError, safe
from ..paths import expanded

_MERGE = "tag:yaml.org,2002:merge"
MOST = 20_000  # keys and values of a study file
_BYTES = 4_000_000
_LONGEST = 80  # letters of a user's name for something


class PlainLoader(yaml.SafeLoader):
    """PyYAML's loader of plain values, which says where a value is wrong, and reads no more than ``MOST`` of them."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.count = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """As PyYAML does; the size is known before all is read."""
        self.count += 1
        if self.count > MOST:
            raise yaml.YAMLError(f"it has more than {MOST:,} keys and values")
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """As PyYAML does, which lets what is no date, number or truth value raise whatever comes of it."""
        try:
            value = super().construct_object(node, deep)
            return value if not isinstance(value, str) else value.encode().decode()  # half a letter is a ValueError
        except (ValueError, OverflowError, AttributeError, KeyError, TypeError):
            kind = node.tag.rpartition(":")[2]
            raise yaml.YAMLError(f"it is no {kind}: {str(node.value)[:80]!r}\n{node.start_mark}") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """A study file's keys.

    Raises:
        BenchError: no such file, not YAML (with the line), a key twice (with both lines), or not a mapping.
    """
    if not expanded(path).is_file():
        hint = "Give the path of a YAML file, or none for the default study"
        raise BenchError("no such study file", where=str(path), hint=hint)
    if expanded(path).stat().st_size > _BYTES:
        raise BenchError(f"it has more than {_BYTES:,} bytes", where=str(path), hint="Give a study file")
    try:
        keys = _once(expanded(path).read_text(encoding="utf-8"), str(path))
    except RecursionError:
        raise BenchError("it is nested too deeply", where=str(path), hint="A study has three levels") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).replace(' in "<unicode string>",', " at").split())
        raise BenchError(f"not readable as YAML: {reason}", where=str(path)) from None
    if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys):
        raise BenchError("a study is a mapping of keys such as models, methods, metrics", where=str(path))
    return keys


def _once(text: str, where: str) -> Any:
    loader = PlainLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        if _size(root, {}) > MOST:
            message = f"it has more than {MOST:,} keys and values, those that it repeats by & and * counted each time"
            raise BenchError(message, where=where, hint="Make several studies of it")
        for first, second, key in _twice(loader, root, set()):
            lines = f"on line {first.start_mark.line + 1} and on line {second.start_mark.line + 1}"
            raise BenchError(f"the key {key!r} is given twice: {lines}", where=where, hint="Remove one of them")
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many nodes there are at and below a node; endless where the node lies within itself."""
    if id(node) not in known:
        known[id(node)] = MOST  # while it is counted: who meets it again is below it
        below = node.value if isinstance(node, yaml.SequenceNode) else []
        if isinstance(node, yaml.MappingNode):
            below = [each for pair in node.value for each in pair]
        known[id(node)] = 1 + sum(_size(each, known) for each in below)
    return known[id(node)]


def _twice(loader: PlainLoader, node: yaml.Node, seen: set[int]) -> Iterator[tuple[yaml.Node, yaml.Node, Any]]:
    """Every key that stands twice in one mapping, at any depth: its two nodes and the key."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _twice(loader, each, seen)
    elif isinstance(node, yaml.MappingNode):
        before: dict[Hashable, yaml.Node] = {}
        for key_node, value_node in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                key = key_node.value if key_node.tag == _MERGE else loader.construct_object(key_node)
                if key in before:
                    yield before[key], key_node, key
                before[key] = key_node
            yield from _twice(loader, value_node, seen)


def scalar_of(value: Any) -> Any:
    """A number or a truth value that the command line gave as text: one's own function may have no types."""
    try:
        read = yaml.load(value, PlainLoader) if isinstance(value, str) else value  # which makes plain values alone
    except (yaml.YAMLError, RecursionError):
        return value
    return read if isinstance(read, (bool, int, float)) else value


def read_each(
    key: str, entries: Any, make: Any, members: Callable[[Any], Iterable[Any]] = lambda item: (item,)
) -> tuple[Any, ...]:
    """Every item of a list (or of a mapping of names to values), checked; an error says which one.

    Args:
        key: the study's key, which errors name.
        entries: the list or the mapping.
        make: from an item to what it stands for.
        members: from an item to the items that it stands for, where it may be the name of a group.
    """
    if isinstance(entries, Mapping) and "name" not in entries:
        items: Sequence[Any] = [(str(name), value) for name, value in entries.items()]
    else:
        items = entries if isinstance(entries, (list, tuple)) else [entries]
    if not items:
        raise BenchError("the list is empty", where=key, hint="Name at least one")
    choices: list[tuple[int, Any]] = []  # with the item's index
    for i, item in enumerate(items):
        try:
            choices += [(i, make(member)) for member in members(item)]
        except BenchError as error:
            raise error.at(f"{key}[{i}]") from None
    _refuse_twins(key, items, choices)
    return tuple(choice for _, choice in choices)


def _refuse_twins(key: str, items: Sequence[Any], choices: Sequence[tuple[int, Any]]) -> None:
    """Refuse a thing in two places, maybe in two spellings, and two things of one name, whose rows would be mixed."""
    known: dict[str, tuple[int, Any]] = {}
    for i, choice in choices:
        j, earlier = known.setdefault(choice.label, (i, choice))
        if choice is earlier:
            continue
        both = [_spelled(items[k], f"{key}[{k}]") for k in (j, i)]
        if all(getattr(choice, part, None) is getattr(earlier, part, None) for part in ("value", "plugin")):
            message, hint = f"{choice.label!r} is asked for twice: {both[0]} and {both[1]}", "Remove one of them"
        else:
            message = f"two are called {choice.label!r}: {both[0]} and {both[1]}"
            hint = f"Give each a name: {key}: {{one: ..., two: ...}}"
        raise BenchError(message, where=f"{key}[{i}]", hint=hint)


def _spelled(item: Any, place: str) -> str:
    if isinstance(item, Mapping):
        item = ":".join([str(item.get("name")), *(f"{k}={v}" for k, v in item.items() if k != "name")])
    return f"{place} ({item})" if isinstance(item, str) else place


def user_name(item: Any) -> tuple[str, Any]:
    """The user's name for an item of a list, or "", and the item without it: by ``as``, or as the key of a mapping.

    Raises:
        BenchError: the name is empty or no text, or there are two.
    """
    outer, inner = "", ""
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        outer, item = _checked_name(item[0]), item[1]
    if isinstance(item, Mapping) and "as" in item and "name" in item:
        inner = _checked_name(item["as"])
        item = {key: value for key, value in item.items() if key != "as"}
    if outer and inner and outer != inner:
        raise BenchError(f"it has two names: {outer!r} and {inner!r}", hint="Leave out as")
    return inner or outer, item


def _checked_name(name: Any) -> str:
    text = safe(" ".join(name.split())) if isinstance(name, str) else ""
    if not text or len(text) > _LONGEST:
        raise BenchError(f"cannot take {name!r} as a name", hint=f"Give a text of 1 to {_LONGEST} letters")
    return text


def is_named(item: Any) -> bool:
    """Whether it is a name, or a name with parameters, and not a thing from Python itself."""
    return isinstance(item, str) or (isinstance(item, Mapping) and isinstance(item.get("name"), str))


def name_and_params(item: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(item, str):
        return item, {}
    if isinstance(item, Mapping) and isinstance(item.get("name"), str):
        return item["name"], {str(k): v for k, v in item.items() if k != "name"}
    raise BenchError(f"cannot read {item!r}", hint="Give a name, or {name: ..., parameter: ...}")


def file_and_function(name: str) -> tuple[str, str] | None:
    """The file and the function of ``FILE.py:function``; None of other names."""
    file, _, function = name.rpartition(":")
    return (file, function) if file.endswith(".py") else None
