"""What ``benchbench new`` writes: one commented file that runs at once, its test, and a study that gates it."""

from __future__ import annotations

import importlib.util
import keyword
import re
from pathlib import Path

from ..errors import BenchError
from ..files import publish

_METHOD = '''"""{name}: authors, venue and year; the equation that this file implements."""

from __future__ import annotations

from benchbench import Layer, method
from torch import Tensor, relu


# needs: "activation" and "gradient" of the layer; "scores", "rest" and "look" are more passes of the network through
# the layer object; with "input" the layer is the image itself. The full list is in the docs, "Add a method".
@method("{name}", needs="gradient", paper="arXiv:0000.00000")
def {function}(layer: Layer, *, power: float = 1.0) -> Tensor:
    """Grad-CAM with the positive part of its weights raised to a power. benchbench list methods shows this line.

    Keyword-only arguments are the method's parameters; their types are checked. The maps are (B, h, w), at any
    resolution, not normalised: the engine upsamples and normalises the maps of all methods alike.
    """
    weight = relu(layer.gradient.mean((2, 3), keepdim=True)) ** power  # (B, K, 1, 1)
    return relu((weight * layer.activation).sum(1))  # (B, K, h, w) -> (B, h, w)
'''

_TEST = '''"""Tests of {name}: the contract of a method, a closed form and a known weakness."""

from __future__ import annotations

from pathlib import Path

import torch
{imports}from benchbench.registry import load_file
from benchbench.testing import assert_matches_closed_form, assert_passes_weakness, contract_suite

load_file(Path(__file__).with_name("{stem}.py"))

# Shape, type, batches, order, seeds, traces, plain images, zero gradients, one cell, wide images: a test each.
test_contract = contract_suite(methods=["{name}"])


def test_closed_form() -> None:
    """With power 1, on a head of pooling and one linear layer: CAM with the positive weights of the class."""
    assert_matches_closed_form(
        "{name}", lambda facts: torch.einsum("bk,bkhw->bhw", torch.relu(facts.weight), facts.activation)
    )


def test_weakness() -> None:
    """Small objects are seen as well as large ones before a pooled head. More: benchbench.suites.weaknesses."""
    assert_passes_weakness("{name}", "several instances, pooled")


{more}'''
_NO_GATE = "# More tests (snapshots of maps, a study with a baseline, cost): docs/testing-a-method.md.\n"
_READ = re.compile(r"relu|layer|method|conftest|setup|test_.*|.*_test")  # by the file itself, or by pytest and pip

_GATE_IMPORT = "from benchbench.pytest_plugin import Gate, StudyRuns\n"
_GATE = '''def test_gate(benchbench_run: StudyRuns, benchbench_gate: Gate) -> None:
    """No worse than when pytest --benchbench-update wrote the baseline, by the rules of benchbench check."""
    benchbench_gate(benchbench_run(Path(__file__).with_name("{stem}.yaml")))
'''

_STUDY = """# Regression study of {name}: with another method and a control, on real photographs, without timings.
models: [efficientnet_lite0]    # yours: mynet.py:build
datasets: [photos]              # yours: {{name: folder, root: val/}}
layers: last
methods: ["{name}", gradcam, random]
metrics: [deletion, insertion, average_drop, passes]
samples: 12                     # a paired test needs at least six images at 5 %
seed: 0
"""


def new_method(name: str, folder: Path, *, gate: bool = False) -> tuple[Path, ...]:
    """Write ``name``'s file and its test into a folder; with ``gate`` a study too, and a test that holds it to it.

    Raises:
        BenchError: not a name for a method, or a file is there already.
    """
    stem = re.sub(r"\W+", "_", name.replace("+", "_plus")).strip("_").lower()
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_+-]{,59}", name) or keyword.iskeyword(stem) or _READ.fullmatch(stem):
        hint = "Take a letter, then letters, digits, -, _ and +: contrast-cam"
        raise BenchError(f"{name!r} is not a valid method name", hint=hint)
    words = {"name": name, "function": stem, "stem": stem}
    more = {"imports": _GATE_IMPORT if gate else "", "more": _GATE.format(**words) if gate else _NO_GATE}
    texts = {folder / f"{stem}.py": _METHOD, folder / f"test_{stem}.py": _TEST}
    if gate:
        texts[folder / f"{stem}.yaml"] = _STUDY
    for path in texts:
        if path.exists():
            raise BenchError("the file exists already", where=str(path), hint="Take another name, or remove it")
    spec = importlib.util.find_spec(stem)
    if spec is not None and spec.origin is not None:  # a folder without code is no module
        raise BenchError(f"{stem}.py would hide the module {stem!r}", hint="Take another name")
    for path, text in texts.items():
        publish(path, text.format(**words, **more), hint="Use a folder that you can write to")
    return tuple(texts)
