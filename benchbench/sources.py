"""What code a number came from: digests of functions and classes, with or without a file."""

from __future__ import annotations

import hashlib
import inspect
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
    found = hashlib.sha256(_of_function(plain))
    for path in sorted(_users_modules(plain)):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


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
    named = getattr(function, "__globals__", {}).values()
    modules = {v.__name__ if isinstance(v, ModuleType) else getattr(v, "__module__", None) for v in named}
    own = Path(__file__).parent
    for name in modules - {None, function.__module__}:
        file = getattr(sys.modules.get(str(name)), "__file__", None)
        path = Path(file).resolve() if file else None
        if path and path.is_file() and not str(path).startswith(_LIBRARIES) and own not in path.parents:
            yield path


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()
