"""What code a number came from: digests of functions and classes, with or without a file."""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

_PLUGIN_ROOMS = ("methods", "metrics")
_WHERE = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
_LIBRARIES = tuple({str(path) for each in _WHERE for path in (each, each.resolve())})  # behind a link too


def source_digest(function: Callable[..., Any]) -> str:
    """Of the function's file, or of its bytecode where it has none; and of the user's own modules that it names."""
    plain = inspect.unwrap(function)
    checksum = hashlib.sha256(_of_function(plain))
    for path in sorted(users_modules(plain)):
        checksum.update(path.read_bytes())
    return checksum.hexdigest()[:16]


def contents_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """What numbers depend on of parameters: of a file its content, of a plugin its name, code and parameters."""
    return {key: _content(value) for key, value in params.items()}


def _content(value: Any) -> Any:
    if isinstance(value, Path):
        return hashlib.sha256(value.read_bytes()).hexdigest() if value.is_file() else str(value)
    return getattr(value, "identity", value)


def class_digest(kind: type) -> str:
    """Of the class's file; of its functions' bytecode where it has none (a notebook)."""
    try:
        path = Path(inspect.getsourcefile(kind) or "")
    except TypeError:
        path = Path()
    if path.is_file():
        return hashlib.sha256(_read(path)).hexdigest()
    functions = [value for _, value in sorted(vars(kind).items()) if inspect.isfunction(value)]
    return hashlib.sha256(b"".join(_of_code(f.__code__) for f in functions)).hexdigest()


def _of_function(function: Callable[..., Any]) -> bytes:
    path = Path(function.__code__.co_filename)
    if path.is_file():
        return path.read_bytes()
    cells = [repr(cell.cell_contents) for cell in function.__closure__ or ()]
    return _of_code(function.__code__) + repr((function.__defaults__, function.__kwdefaults__, cells)).encode()


def _of_code(code: CodeType) -> bytes:
    """Without addresses or line numbers, so that the same code has the same bytes in every process."""
    constants = [_of_code(c) if isinstance(c, CodeType) else repr(c).encode() for c in code.co_consts]
    names = repr((code.co_names, code.co_varnames, code.co_freevars)).encode()
    return b"|".join([code.co_code, names, *constants])


def users_modules(function: Callable[..., Any]) -> Iterator[Path]:
    """Files of the modules that the function's module names, that these name, and so on.

    Of benchbench only the helpers of its methods and metrics are among them, installed or not: the rest of it is in
    the engine's digest. No file of another library is.
    """
    plain: Any = inspect.unwrap(function)
    seen, unread = {_resolved(plain.__code__.co_filename)}, [getattr(plain, "__globals__", {})]
    while unread:
        for value in list(unread.pop().values()):
            path, names = _origin_of(value)
            if path is not None and path not in seen:
                seen.add(path)
                if path.is_file() and _counts(path):
                    unread.append(names)
                    yield path


@cache
def _counts(path: Path) -> bool:
    package, *rooms = _packages()
    if any(room in path.parents for room in rooms):
        return True
    return not is_library(path) and package not in path.parents


@cache
def _packages() -> tuple[Path, ...]:
    """benchbench, and its rooms of plugins."""
    package = Path(__file__).parent
    return (package.resolve(), *((package / room).resolve() for room in _PLUGIN_ROOMS))


def is_library(path: Path) -> bool:
    """Whether it belongs to Python or to an installed package."""
    return str(path).startswith(_LIBRARIES)


def _origin_of(value: Any) -> tuple[Path | None, Mapping[str, Any]]:
    """The file and the names of a module, or of the module that something comes from.

    Not by the module's name where that can be helped: two folders may each have a helper.py.
    """
    if inspect.isfunction(value):
        plain = inspect.unwrap(value)
        written = plain if inspect.isfunction(plain) else value  # a wrapper of C code is where it was written
        return _resolved(written.__code__.co_filename), written.__globals__
    for each in vars(value).values() if isinstance(value, type) else ():
        if inspect.isfunction(each) and each.__module__ == value.__module__:
            file = _resolved(each.__code__.co_filename)
            if file is not None and file.is_file():  # a function that dataclass wrote has none
                return file, each.__globals__
    module = value if isinstance(value, ModuleType) else sys.modules.get(str(getattr(value, "__module__", None)))
    return _resolved(getattr(module, "__file__", None)), {} if module is None else vars(module)


@cache
def _resolved(file: str | None) -> Path | None:
    return Path(file).resolve() if file else None


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()


def digest(*parts: Any) -> str:
    """A name for what these parts (plain data) determine."""
    text = json.dumps(parts, sort_keys=True, default=str, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
