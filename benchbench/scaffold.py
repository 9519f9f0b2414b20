"""What ``benchbench new`` writes: one commented file that runs at once, and its test."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from .errors import BenchError

_METHOD = '''"""{name}: who made it up, where and when; which equation this file is."""

from __future__ import annotations

from torch import Tensor, relu

from benchbench import Layer, method


# needs: "activation" and "gradient" are the layer's; "scores", "rest" and "look" are more passes of the network, which
# you ask of the layer; "input" makes the layer the image itself. All of them: the docs, "Add a method".
@method("{name}", needs="gradient", paper="arXiv:0000.00000")
def {function}(layer: Layer, *, power: float = 1.0) -> Tensor:
    """Grad-CAM with its weights' positive part raised to a power. This line is what benchbench list methods shows.

    Keyword-only arguments are the method's parameters; their types are checked. The maps are (B, h, w), at whatever
    resolution, not normalised: the engine upsamples and normalises all methods' maps alike.
    """
    weight = relu(layer.gradient.mean((2, 3), keepdim=True)) ** power  # (B, K, 1, 1)
    return relu((weight * layer.activation).sum(1))  # (B, K, h, w) -> (B, h, w)
'''

_TEST = '''"""What {name} keeps, and one thing that must be true of it and of nothing else."""

from __future__ import annotations

from pathlib import Path

import torch

import benchbench as bb
from benchbench.registry import load_file
from benchbench.testing import Small, check_method, example_images, seeded

load_file(Path(__file__).with_name("{stem}.py"))


def test_contract() -> None:
    """Shape, type, batches, order, seeds, traces, plain images, zero gradients, one cell, wide images."""
    check_method("{name}")


def test_closed_form() -> None:
    """With power 1, on a head of pooling and one linear layer: the positive weights of the class, as CAM has them."""
    network, images = seeded(Small), example_images()
    found = bb.explain(network, images, method="{name}", layer="relu")
    weight = torch.relu(network.fc.weight[network(images).argmax(1)])
    kept = []
    handle = network.relu.register_forward_hook(lambda _m, _i, output: kept.append(output.detach().clone()))
    network(images)
    handle.remove()
    expected = torch.einsum("bk,bkhw->bhw", weight, kept[0])[:, None]
    expected = torch.nn.functional.interpolate(expected, size=64, mode="bilinear")
    low, high = expected.amin((2, 3), keepdim=True), expected.amax((2, 3), keepdim=True)
    torch.testing.assert_close(found, (expected - low) / (high - low), rtol=1e-4, atol=1e-5)
'''


def new_method(name: str, folder: Path) -> tuple[Path, Path]:
    """Write ``name``'s file and its test into a folder.

    Raises:
        BenchError: not a name for a method, or a file is there already.
    """
    stem = re.sub(r"\W+", "_", name.replace("+", "_plus")).strip("_").lower()
    if not stem or set(name) & set(".@:,'\"\\\n{}") or not stem[0].isalpha() or keyword.iskeyword(stem):
        raise BenchError(f"{name!r} is no name for a method", hint="Take letters, digits, - and +: contrast-cam")
    written = (folder / f"{stem}.py", folder / f"test_{stem}.py")
    for path in written:
        if path.exists():
            raise BenchError("there is a file already", where=str(path), hint="Take another name, or remove it")
    for path, text in zip(written, (_METHOD, _TEST), strict=True):
        path.write_text(text.format(name=name, function=stem, stem=stem), encoding="utf-8")
    return written
