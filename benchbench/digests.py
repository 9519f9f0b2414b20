"""What a number came from: digests of code, of the libraries that it imports, and of files that parameters name."""

from __future__ import annotations

import dis
import hashlib
import importlib.metadata
import importlib.util
import inspect
import json
import os
import re
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

_PLUGIN_ROOMS = ("methods", "metrics")
_WHERE = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
_LIBRARIES = tuple({str(path) for each in _WHERE for path in (each, each.resolve())})  # behind a link too
# The engine's digest has these versions already, as tests/study/test_libraries.py demands; pydantic checks parameters.
_NOT_OF_PLUGINS = {"numpy", "PIL", "pydantic", "scipy", "torch", "torchvision"}
_DISTRIBUTIONS = {"PIL": "pillow", "skimage": "scikit-image", "yaml": "PyYAML"}  # known, so that not all are listed
_IMPORT = re.compile(
    rb"(?:^|[:;])[ \t]*(?:from[ \t]+(\w+)[\w.]*[ \t]+import\b|import[ \t]+([\w.][\w. \t,]*))"
    rb"|import_module\(\s*[\"'](\w+)",
    re.MULTILINE,
)
MOST_FILES = 1000  # of a folder whose files are all read
_NOT_OF_CODE = {"__dict__", "__doc__", "__firstlineno__", "__module__", "__static_attributes__", "__weakref__"}
_SETTLED = 2_000_000_000  # nanoseconds: a file that changed just now may change again within one tick of its clock


def source_digest(function: Callable[..., Any]) -> str:
    """Of what a plugin is made of.

    Of the function's file, or of its bytecode where it has none; of the user's own modules that it names; and of the
    versions of the libraries that these import. What the engine's digest has is left out: see ``users_modules``, and
    the libraries that the engine imports too, such as torch.
    """
    plain = inspect.unwrap(function)
    code = [_of_function(plain), *(path.read_bytes() for path in sorted(users_modules(plain)))]
    modules = set[str]().union(*map(imported_modules, code))
    if not Path(plain.__code__.co_filename).is_file():
        modules |= _modules_of_code(plain.__code__, plain.__globals__)
    checksum = hashlib.sha256(b"".join(code))
    if versions := versions_of(modules - _NOT_OF_PLUGINS):
        checksum.update(repr(versions).encode())
    return checksum.hexdigest()[:16]


@cache
def imported_modules(code: bytes) -> frozenset[str]:
    """The outermost modules that a file's statements import, wherever they stand in it, but not Python's own.

    Lines of text that read like an import count too; no library is called as their words are.

    Example:
        >>> from benchbench.digests import imported_modules
        >>> sorted(imported_modules(b"import os, captum.attr\\ndef f():\\n    from skimage import draw"))
        ['captum', 'skimage']
    """
    names = set[str]()
    for source, several, called in _IMPORT.findall(code):
        listed = [source or called] if source or called else [each.strip() for each in several.split(b",")]
        names |= {each.split()[0].partition(b".")[0].decode() for each in listed if each}
    return frozenset(names - sys.stdlib_module_names - {"benchbench", ""})


def versions_of(modules: Iterable[str]) -> dict[str, str]:
    """By module, in alphabetical order, the version of the installed library that has it; others are left out."""
    return {name: version for name in sorted(modules) if (version := _version(name))}


@cache
def _version(module: str) -> str:
    """Empty where no installed library has the module, as a module of the user's has none."""
    try:
        return importlib.metadata.version(_DISTRIBUTIONS.get(module, module))
    except importlib.metadata.PackageNotFoundError:
        pass
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return ""
    places = [] if spec is None else [spec.origin or "", *(spec.submodule_search_locations or ())]
    if not any(is_library(Path(place)) for place in places):
        return ""
    names = importlib.metadata.packages_distributions().get(module, [])
    return ", ".join(importlib.metadata.version(name) for name in sorted(set(names)))


def _modules_of_code(code: CodeType, names: Mapping[str, Any]) -> set[str]:
    """The outermost modules of code that has no file: those that it imports, and those of the names that it uses."""
    steps = [step.argval for step in dis.get_instructions(code) if step.opname == "IMPORT_NAME"]
    values = [names[name] for name in code.co_names if name in names]
    origins = [getattr(value, "__name__" if isinstance(value, ModuleType) else "__module__", "") for value in values]
    modules = {str(name).partition(".")[0] for name in (*steps, *origins)} - sys.stdlib_module_names
    inner = [_modules_of_code(each, names) for each in code.co_consts if isinstance(each, CodeType)]
    return modules.union(*inner) - {"benchbench", "__main__", ""}


def contents_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """What numbers depend on of parameters: of a file or folder its content, of a plugin its name, code and parameters.

    See ``file_content`` and ``folder_content``.
    """
    return {key: _content(value) for key, value in params.items()}


def _content(value: Any) -> Any:
    if isinstance(value, Path):
        if value.is_file():
            return file_content(value)
        named = value != Path()  # the usual default where no file is given
        return folder_content(value) if named and value.is_dir() else str(value)
    if isinstance(value, (list, tuple)):
        return [_content(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): _content(each) for key, each in value.items()}
    return getattr(value, "identity", value)


def file_content(path: Path) -> str:
    """A file's SHA-256, in hex. It is read again only if its size, its times or its inode changed.

    Raises:
        OSError: it cannot be read.
    """
    about = path.stat()
    if time.time_ns() - about.st_ctime_ns < _SETTLED:
        return _hashed(path)
    return _hashed_once(path, about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)


def folder_content(folder: Path) -> str:
    """A digest of the names and contents of the files in a folder and its subfolders, in hex.

    Hidden files and Python's caches are left out. In a folder of more than ``MOST_FILES`` files the sizes and the times
    of change stand for the contents.

    Raises:
        OSError: a file cannot be read.
    """
    files = sorted(_files_below(folder))
    read = file_content if len(files) <= MOST_FILES else _size_and_time
    listed = [(path.relative_to(folder).as_posix(), read(path) if path.is_file() else "") for path in files]
    return hashlib.sha256(repr(listed).encode()).hexdigest()


def _files_below(folder: Path) -> Iterator[Path]:
    """Behind links too; a folder that is linked into itself is listed once."""
    seen = set[str]()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        yield from (Path(place, name) for name in names if not name.startswith("."))


def _size_and_time(path: Path) -> str:
    about = path.stat()
    return f"{about.st_size} {about.st_mtime_ns}"


def _hashed(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _hashed_once(path: Path, *about: int) -> str:
    """``about``: what the file's entry says; another entry is another file."""
    return _hashed(path)


def class_digest(kind: type) -> str:
    """Of the class's file. A script's or notebook's class has that of its code: see ``_code_of_main``.

    A worker gets a class of a script as code, and has another file under the script's name.
    """
    if kind.__module__ == "__main__":
        return hashlib.sha256(b"|".join(_code_of_main(kind, set()))).hexdigest()
    try:
        path = Path(inspect.getsourcefile(kind) or "")
    except TypeError:
        path = Path()
    if path.is_file():
        return hashlib.sha256(_read(path)).hexdigest()
    functions = [value for _, value in sorted(vars(kind).items()) if inspect.isfunction(value)]
    return hashlib.sha256(b"".join(_of_code(f.__code__) for f in functions)).hexdigest()


def _code_of_main(value: Any, seen: set[int]) -> Iterator[bytes]:
    """The code of a class or function of ``__main__``, and of what it names there; the same in every process.

    Of numbers, texts and other plain values it is their text; of what is imported nothing.

    Args:
        seen: ids of the classes and functions that were met. Plain values are told each time: whether two equal ones
            are the same object differs from process to process.
    """
    value = getattr(value, "__func__", getattr(value, "fget", value))
    if isinstance(value, (str, int, float, bool, type(None))):
        yield repr(value).encode()
    elif isinstance(value, tuple):
        for part in value:
            yield from _code_of_main(part, seen)
    elif getattr(value, "__module__", "") == "__main__" and id(value) not in seen:
        seen.add(id(value))
        yield from _members_of_main(value, seen)


def _members_of_main(value: Any, seen: set[int]) -> Iterator[bytes]:
    """Of a class its members and bases; of a function its bytecode, its defaults and the names that it uses."""
    if isinstance(value, type):
        for name, member in sorted(vars(value).items()):
            if name not in _NOT_OF_CODE:
                yield name.encode()
                yield from _code_of_main(member, seen)
        for base in value.__bases__:
            yield from _code_of_main(base, seen)
    elif inspect.isfunction(value):
        yield _of_code(value.__code__)
        yield from _code_of_main((value.__defaults__, *(value.__kwdefaults__ or {}).items()), seen)
        for name in sorted(_names_of(value.__code__) & set(value.__globals__)):
            yield name.encode()
            yield from _code_of_main(value.__globals__[name], seen)


def _names_of(code: CodeType) -> set[str]:
    return set(code.co_names).union(*(_names_of(each) for each in code.co_consts if isinstance(each, CodeType)))


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
