"""A user's own Python files: imported once each, with the modules that stand beside them."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from ..digests import is_library
from ..errors import BenchError
from ..paths import expanded

_USER = "benchbench_user_"  # the name of a module that load_file made begins so
_ASIDE = "benchbench_aside_"  # and that of a module beside one, while another folder has its plain name
_MARK = "_benchbench_folder"  # on a module that was imported from beside a user's file


def load_file(path: str | Path) -> Any:
    """Import a user's FILE.py under a name of its own, once. It may import the modules in its folder by their names.

    Raises:
        BenchError: there is no such file, or it fails to import; the line that failed is named.
    """
    file = expanded(path).resolve()
    if not file.is_file():
        raise BenchError(f"no file {str(path)!r}", hint="Give the path of a Python file")
    name = f"{_USER}{_digest(file)}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise BenchError(f"{path} is not a Python file", hint="Give a path that ends in .py")
    module = importlib.util.module_from_spec(spec)
    before = set(sys.modules)
    sys.modules[name] = module
    try:
        with beside(file):
            spec.loader.exec_module(module)
    except BaseException as error:
        for new in [key for key in sys.modules if key not in before and _within(sys.modules[key], file.parent)]:
            del sys.modules[new]
        if isinstance(error, (BenchError, KeyboardInterrupt)):
            raise
        raise _failed(path, file, error) from error
    return module


def user_files(modules: Mapping[str, ModuleType]) -> dict[str, Path]:
    """The files that ``load_file`` imported, by the name of their module. ``modules``: as ``sys.modules``."""
    return {name: Path(str(module.__file__)) for name, module in modules.items() if name.startswith(_USER)}


def calling(function: Callable[..., Any], **params: Any) -> Any:
    """What a function returns; one of a user's file may import what stands beside the file."""
    plain = inspect.unwrap(function)
    if not str(getattr(plain, "__module__", "")).startswith(_USER):
        return function(**params)
    with beside(Path(inspect.getfile(plain))):
        return function(**params)


@contextmanager
def beside(file: Path) -> Iterator[None]:
    """While it lasts, the modules in the file's folder can be imported by their names, and no other file's can.

    They stay imported. Where another folder's module had the name before, that one gets its name back in the end.
    """
    folder = file.resolve().parent
    aside = f"{_ASIDE}{_digest(folder)}."
    there = _importable(folder)
    hidden = {key: module for key, module in sys.modules.items() if _hides(key, module, folder, there)}
    for key in hidden:
        del sys.modules[key]
    for key in [key for key in sys.modules if key.startswith(aside)]:
        sys.modules[key.removeprefix(aside)] = sys.modules.pop(key)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        _put_back(folder, aside, hidden)


def _put_back(folder: Path, aside: str, hidden: dict[str, ModuleType]) -> None:
    """Mark the folder's modules as its own, and give the hidden ones their names back."""
    tops = {key.partition(".")[0] for key in hidden}
    for key in [key for key, module in sys.modules.items() if _within(module, folder)]:
        if key.startswith((_USER, _ASIDE)):
            continue
        vars(sys.modules[key]).setdefault(_MARK, str(folder))
        if key.partition(".")[0] in tops:
            sys.modules[aside + key] = sys.modules.pop(key)
    sys.modules.update(hidden)


def _importable(folder: Path) -> set[str]:
    """The names of the modules and packages in a folder."""
    packages = {file.parent.name for file in folder.glob("*/__init__.py")}
    return packages | {file.stem for file in folder.glob("*.py") if file.is_file()}


def _hides(name: str, module: ModuleType, folder: Path, there: set[str]) -> bool:
    """Whether it stands beside another user's file, or has the name of a module in this folder.

    Args:
        there: what can be imported from the folder.
    """
    top = name.partition(".")[0]
    if top.startswith((_USER, _ASIDE)) or top in ("benchbench", "__main__"):
        return False
    around = _folders(_file(module))
    return bool(around) and folder not in around and (top in there or _MARK in vars(module))


def _within(module: ModuleType, folder: Path) -> bool:
    return folder in _folders(_file(module))


def _file(module: ModuleType) -> str:
    file = getattr(module, "__dict__", {}).get("__file__")  # asked so, a module that loads itself lazily stays asleep
    return file if isinstance(file, str) else ""


@cache
def _folders(file: str) -> frozenset[Path]:
    """Those around a module's file; none of a library's. All modules are asked whenever a user's file is called."""
    path = Path(file)
    return frozenset() if not file or is_library(path) else frozenset(path.resolve().parents)


def _failed(path: str | Path, file: Path, error: BaseException) -> BenchError:
    """The error of a failing import, with the line in the user's own files that it comes from."""
    message = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, SyntaxError) and error.filename:
        place = f"{error.filename}:{error.lineno}"
        message = f"{type(error).__name__}: {error.msg}"
    else:
        frames = traceback.extract_tb(error.__traceback__)
        user_frames = [f for f in frames if Path(f.filename).is_file() and not is_library(Path(f.filename))]
        user_frames = [f for f in user_frames if Path(__file__).parent.parent not in Path(f.filename).parents]
        place = f"{user_frames[-1].filename}:{user_frames[-1].lineno}" if user_frames else str(file)
    hint = "Fix that line"
    if isinstance(error, ModuleNotFoundError) and error.name:
        hint = f"Install {error.name.partition('.')[0]}, or put its file beside {file.name}"
    elif isinstance(error, ImportError) and "relative import" in str(error):
        hint = "A file is imported on its own: write import NAME, without a dot"
    return BenchError(f"{path} fails to import: {message} ({place})", hint=hint)


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:12]
