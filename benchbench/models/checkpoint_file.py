"""A file of weights, read without running code in it; what is wrong with it is said in one line."""

from __future__ import annotations

import argparse
import datetime
import importlib
import importlib.util
import pathlib
import pickletools
import re
import types
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import BenchError

SAVE = "Save model.state_dict()"
_MOST_OPCODES = 500_000  # of a pickle that are looked at
_KINDS = {
    b"version https://git-lfs": ("is a pointer of git-lfs, not the weights", "Fetch the file: git lfs pull"),
    b"<": ("is a web page, not the weights", "Download the file itself"),
}


def read_file(path: Path) -> Any:
    """What ``torch.save`` or safetensors wrote: tensors, and in a training checkpoint plain values around them.

    Raises:
        BenchError: the file cannot be read, or reading it could run code.
    """
    start = _start_of(path)
    _refuse_packed(path)
    if path.suffix == ".safetensors" or start[8:10] == b'{"':
        return _read_safetensors(path)
    try:
        return _load(path)
    except Exception as error:
        first = error
    try:  # a training checkpoint: its optimizer, arguments and best scores stand beside the weights
        with _harmless():
            return _load(path)
    except Exception as error:
        raise _unreadable(path, start, error if "GLOBAL" in str(error) else first) from None


def _refuse_packed(path: Path) -> None:
    """Raises BenchError of a zip that holds more bytes than it has: torch.save stores without compression."""
    try:
        with zipfile.ZipFile(path) as archive:
            read = [
                member for member in archive.infolist() if "/code/" not in member.filename
            ]  # TorchScript's, refused
            held = sum(member.file_size for member in read)
    except Exception:  # it is no zip, or a broken one, which torch says below
        return
    if held > path.stat().st_size:
        message = f"{path} is compressed, and holds {held:,} bytes"
        raise BenchError(message, where="weights", hint=f"Write it with torch.save. {SAVE}")


def _load(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the pickle's protocol: what cannot be read is said below
        return torch.load(path, map_location="cpu", weights_only=True)


def _start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise BenchError(f"{path} cannot be read: {error.strerror}", where="weights") from None
    if not start:
        raise BenchError(f"{path} is empty", where="weights", hint="Copy the file again")
    for mark, (problem, hint) in _KINDS.items():
        if start.lstrip().startswith(mark):
            raise BenchError(f"{path} {problem}", where="weights", hint=hint)
    return start


def _read_safetensors(path: Path) -> Any:
    if importlib.util.find_spec("safetensors") is None:
        hint = "Install it: pip install 'benchbench-saliency[timm]'"
        raise BenchError(f"{path} needs the package safetensors, which is not installed", where="weights", hint=hint)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError:
        message = f"{path} is a damaged safetensors file, or cut short"
        raise BenchError(message, where="weights", hint="Copy the file again") from None


def _harmless() -> Any:
    """While it lasts, torch also reads the types of ``harmless_types``, if it is 2.5 or later and has such a list."""
    allow = getattr(torch.serialization, "safe_globals", None)
    if allow is None:
        return nullcontext()
    before = torch.serialization.get_safe_globals()  # what the user allowed stays allowed
    return allow([kind for kind in harmless_types() if kind not in before])


def harmless_types() -> list[Any]:
    """What a training checkpoint may hold beside tensors: to make one, from any arguments, runs no other code.

    Containers of values (argparse.Namespace, SimpleNamespace), dates, paths, which touch no disk, and NumPy's numbers
    and arrays of numbers. torch reads no filled defaultdict. A pair gives a name under which another version of Python
    or NumPy wrote the type.
    """
    room = "core" if np.lib.NumpyVersion(np.__version__) < "2.0.0" else "_core"
    core = importlib.import_module(f"numpy.{room}.multiarray")
    kinds = [type(np.dtype(code)) for code in "?bBhHiIlLqQefd"]
    plain = [argparse.Namespace, types.SimpleNamespace, datetime.datetime, datetime.timedelta]
    paths = [
        (kind, f"{module}.{name}")
        for module in ("pathlib", "pathlib._local")
        for name, kind in (
            ("PosixPath", pathlib.PurePosixPath),
            ("WindowsPath", pathlib.PureWindowsPath),
            ("PurePosixPath", pathlib.PurePosixPath),
            ("PureWindowsPath", pathlib.PureWindowsPath),
        )
    ]
    numpy = [
        (function, f"numpy.{each}.multiarray.{name}")
        for each in ("core", "_core")
        for name, function in (("scalar", core.scalar), ("_reconstruct", core._reconstruct))
    ]
    return [*plain, *paths, *numpy, np.dtype, np.ndarray, *dict.fromkeys(kinds)]


def _unreadable(path: Path, start: bytes, error: Exception) -> BenchError:
    """What torch could not read, in one line and without its colours and advice."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    kind = re.search(r"GLOBAL ([\w.]+)", text)
    if kind:
        what = f"{path} is a pickle with {kind[1]} in it, and reading it could run code"
        return BenchError(what, where="weights", hint=_conversion(path))
    if "TorchScript" in text:
        lines = f"network = torch.jit.load({_quoted(path)}); torch.save(network.state_dict(), {_converted(path)})"
        return BenchError(f"{path} is a TorchScript program, not weights", where="weights", hint=f"Convert it: {lines}")
    if start.startswith(b"PK"):
        return BenchError(f"{path} is damaged or cut short", where="weights", hint="Copy the file again")
    if start[:1] == b"\x80":
        what = f"{path} is a pickle of something else than weights alone, and reading it could run code"
        return BenchError(what, where="weights", hint=_conversion(path))
    return BenchError(f"{path} is not a file that torch.save wrote", where="weights", hint=SAVE)


def _conversion(path: Path) -> str:
    """The two lines of Python that write the weights alone, for a file that its user trusts."""
    key, whole = _held(path)
    inside, state = f'["{key}"]' if key else "", "saved.state_dict()" if whole else "saved"
    lines = f"saved = torch.load({_quoted(path)}, weights_only=False){inside}; torch.save({state}, {_converted(path)})"
    return f"{SAVE}. If you trust where the file comes from, convert it in Python: {lines}"


def _converted(path: Path) -> str:
    return _quoted(f"{path.stem}-weights.pth")


def _quoted(name: str | Path) -> str:
    """A path as a text of Python: whatever its letters are, they are no code."""
    safe = (letter if letter.isprintable() and letter not in '"\\' else f"\\U{ord(letter):08x}" for letter in str(name))
    return f'"{"".join(safe)}"'


# where checkpoints keep averaged weights, which are taken before others, as by timm; and where all weights
AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "ema_model", "ema", "params_ema")
INSIDE = (
    *AVERAGED,
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "module"),
)


def _held(path: Path) -> tuple[str, bool]:
    """The key under which a pickle keeps the weights, or "", and whether it keeps a whole network there.

    Its opcodes are read; nothing in it is made.
    """
    objects: dict[str, bool] = {}  # by key, the last text before a value, whether the value is an object of a class
    last: str | None = ""
    for opcode, argument in _opcodes(path):
        if opcode in ("GLOBAL", "STACK_GLOBAL", "EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE"):
            if last is not None:
                objects.setdefault(last, "GLOBAL" in opcode and argument != "collections OrderedDict")
            last = None
        elif opcode.endswith("BINUNICODE"):
            last = str(argument)
    key = "" if objects.get("") else next((key for key in INSIDE if key in objects), "")
    return key, objects.get(key, True)


def _opcodes(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
                text = archive.read(name)
        else:
            text = path.read_bytes()
        for opcode, argument, _ in islice(pickletools.genops(text), _MOST_OPCODES):
            yield opcode.name, argument
    except Exception:  # whatever broken bytes lead to: there is no hint of them
        return
