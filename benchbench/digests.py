"""What code a number came from: digests of functions and classes, with or without a file."""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
import sysconfig
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def source_digest(function: Callable[..., Any]) -> str:
    """Of the function's file, or of its bytecode where it has none; and of the user's own modules that it names."""
    plain = inspect.unwrap(function)
    checksum = hashlib.sha256(_of_function(plain))
    for path in sorted(_users_modules(plain)):
        checksum.update(path.read_bytes())
    return checksum.hexdigest()[:16]


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


def _users_modules(function: Callable[..., Any]) -> Iterator[Path]:
    """Files of modules that the function's module names and that are neither a library's nor benchbench's."""
    files = {_file_of(value) for value in getattr(function, "__globals__", {}).values()}
    files -= {None, _resolved(function.__code__.co_filename)}
    package_folder = Path(__file__).parent
    for path in files:
        if path and path.is_file() and not is_library(path) and package_folder not in path.parents:
            yield path


def is_library(path: Path) -> bool:
    """Whether it belongs to Python or to an installed package."""
    return str(path).startswith(_LIBRARIES)


def _file_of(value: Any) -> Path | None:
    """The file of a module, or of the module that something comes from: two folders may each have a helper.py."""
    if isinstance(value, ModuleType):
        return _resolved(getattr(value, "__file__", None))
    if inspect.isfunction(value):
        return _resolved(inspect.unwrap(value).__code__.co_filename)
    for each in vars(value).values() if isinstance(value, type) else ():
        if inspect.isfunction(each) and each.__module__ == value.__module__:
            file = Path(each.__code__.co_filename)
            if file.is_file():  # a function that dataclass wrote has none
                return file.resolve()
    return _resolved(getattr(sys.modules.get(str(getattr(value, "__module__", None))), "__file__", None))


def _resolved(file: str | None) -> Path | None:
    return Path(file).resolve() if file else None


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()


def digest(*parts: Any) -> str:
    """A name for what these parts (plain data) determine."""
    text = json.dumps(parts, sort_keys=True, default=str, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
