"""Files of weights: changed bytes, pickles that run code, and tensors that are larger than their file."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import struct
import subprocess
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, reject
from hypothesis import strategies as st
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

import benchbench as bb
from benchbench.models.weights_choice import Architecture, with_weights

from .mutations import ODD_VALUES, changed_bytes
from .outcomes import outcome, refused
from .profile import counted, tries

OPCODES = 30_000_000  # of a pickle that takes minutes to be read


class Harm:
    """What runs code where a pickle of it is read."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2, 3))


def state() -> dict[str, Tensor]:
    return dict(network().state_dict())


def saved(value: Any, **how: Any) -> bytes:
    out = io.BytesIO()
    torch.save(value, out, **how)
    return out.getvalue()


VALID = [
    saved(state()),
    saved({"state_dict": OrderedDict(state()), "epoch": 3, "best": 0.5, "args": {"lr": 0.1}}),
    saved(state(), _use_new_zipfile_serialization=False),
    save_tensors(state()),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights") / "weights.pt"


def load(path: Path) -> Any:
    """As a study does: of a network of its own, and of one that benchbench builds by the number of classes."""
    unchanged = outcome(bb.load_weights, network(), path)
    known = Architecture("net", lambda classes: _head(classes), bb.Preprocess(), 3, (), lambda: None, "")
    built = outcome(with_weights, known, str(path), None)
    return unchanged if isinstance(unchanged, bb.BenchError) else built


def _head(classes: int) -> nn.Module:
    assert classes <= 1_000_000, "a network was built as the file asked"
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2, classes))


@pytest.mark.parametrize("content", VALID, ids=["zip", "training", "legacy", "safetensors"])
def test_the_files_are_valid(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    assert not isinstance(load(file), bb.BenchError)


@tries(70)
@given(content=changed_bytes(VALID))
def test_changed_bytes(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load(file)


@tries(40)
@given(data=st.data())
def test_changed_headers_of_safetensors(data: st.DataObject, file: Path) -> None:
    length = struct.unpack("<Q", VALID[3][:8])[0]
    header = data.draw(changed_bytes([VALID[3][8 : 8 + length]]))
    size = data.draw(st.sampled_from([len(header), 0, 1, 2**63, 2**64 - 1, 10**12]))
    file.write_bytes(struct.pack("<Q", size) + header + VALID[3][8 + length :])
    load(file)


@tries(40)
@given(values=st.lists(st.sampled_from(ODD_VALUES), min_size=1, max_size=3), inside=st.booleans())
def test_odd_values_in_place_of_tensors(values: list[Any], inside: bool, file: Path) -> None:
    held: Any = {**state(), **{f"odd{i}": value for i, value in enumerate(values)}}
    try:
        content = saved({"state_dict": held, "odd": values} if inside else values)
    except Exception:
        reject()  # half a letter cannot be saved
    file.write_bytes(content)
    load(file)


HARMS: dict[str, Callable[[Path], Harm]] = {
    "system": lambda proof: Harm(os.system, f"touch {proof}"),
    "popen": lambda proof: Harm(subprocess.Popen, ["touch", str(proof)]),
    "eval": lambda proof: Harm(eval, f"open({str(proof)!r}, 'w')"),
    "exec": lambda proof: Harm(exec, f"open({str(proof)!r}, 'w')"),
    "open": lambda proof: Harm(open, str(proof), "w"),
    "mkdir": lambda proof: Harm(os.mkdir, str(proof)),
    "getattr": lambda proof: Harm(getattr, Harm(builtins.__import__, "os"), "system"),
    "nested": lambda proof: Harm(OrderedDict, [("a", Harm(open, str(proof), "w"))]),
    "network": lambda proof: Harm(nn.Linear, 2, 3),
    "load": lambda proof: Harm(torch.load, str(proof)),
    "numpy": lambda proof: Harm(__import__("numpy").memmap, str(proof), "uint8", "w+", 0, (4,)),
    "path": lambda proof: Harm(Path.touch, proof),
}
SHAPES: dict[str, Callable[[Harm], bytes]] = {
    "alone": lambda harm: saved(harm),
    "beside the weights": lambda harm: saved({"state_dict": state(), "hyper": harm}),
    "as a tensor": lambda harm: saved({**state(), "3.weight": harm}),
    "legacy": lambda harm: saved({"model": state(), "x": harm}, _use_new_zipfile_serialization=False),
    "pickle": lambda harm: pickle.dumps({"state_dict": harm}),
    "old pickle": lambda harm: pickle.dumps({"state_dict": harm}, protocol=0),
}
CASES = [(harm, shape) for harm in HARMS for shape in SHAPES]


@pytest.mark.parametrize(("harm", "shape"), counted("checkpoints.harmful", CASES))
def test_a_pickle_is_not_run(harm: str, shape: str, file: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    file.write_bytes(SHAPES[shape](HARMS[harm](proof)))
    refused(load, file)
    assert not proof.exists()


def _larger() -> dict[str, Any]:
    huge = torch.zeros(1).expand(10**9, 2)
    return {
        "expanded": {**state(), "3.weight": huge, "3.bias": torch.zeros(1).expand(10**9)},
        "expanded elsewhere": {**state(), "0.weight": torch.zeros(1).expand(2, 3, 30_000, 30_000)},
        "many classes": {**state(), "3.weight": torch.zeros(1_000_001, 2), "3.bias": torch.zeros(1_000_001)},
        "meta": {name: value.to("meta") for name, value in state().items()},
        "sparse": {name: value.to_sparse() for name, value in state().items()},
        "complex": {name: value.to(torch.complex64) for name, value in state().items()},
        "no classes": {**state(), "3.weight": torch.zeros(0, 2), "3.bias": torch.zeros(0)},
    }


@pytest.mark.parametrize("kind", counted("checkpoints.larger", list(_larger())))
def test_a_tensor_that_its_file_does_not_hold(kind: str, file: Path) -> None:
    file.write_bytes(saved(_larger()[kind]))
    refused(load, file)


def test_a_pickle_that_is_a_bomb_is_not_unpacked(file: Path) -> None:
    """The pickle of a refused file is looked at for a hint; gigabytes of it are not."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02cos\nsystem\n" + b"N0" * OPCODES)
        archive.writestr("a/version", "3\n")
    refused(load, file)


@pytest.mark.parametrize(
    "name", counted("checkpoints.names", ['a"); import os; ("', "a\x1b[31m", "\u202etp", "a\nb", "$(x)"])
)
def test_no_name_of_a_file_adds_to_the_lines_that_convert_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.pth"
    path.write_bytes(SHAPES["alone"](HARMS["open"](tmp_path / "proof")))
    hint = refused(load, path).hint
    code = hint.partition("convert it in Python: ")[2]
    loaded: list[str] = []

    def opened(path: str, **_: Any) -> nn.Module:
        loaded.append(path)
        return network()

    fake = type("torch", (), {"load": opened, "save": lambda *_: None})
    exec(code, {"torch": fake})
    assert loaded == [str(path)]
