"""What an overlay film costs beside its floor, and beside pytorch-grad-cam in a loop.

`python -m tests.benchmarks.films [ROUNDS [FRAMES [WIDTH]]]`, alone on the machine.

The floor is what nobody can leave out: the film decoded, the frames resized, a bare forward and backward pass, as many
frames of the same size encoded by the same encoder. The loop is what pytorch-grad-cam's users write: a frame at a time,
its overlay, the same encoder. All three take turns.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytorch_grad_cam as pgc
import torch
from PIL import Image
from pytorch_grad_cam.utils.image import show_cam_on_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from benchbench.engine.progress import Silent
from benchbench.looking.film.command import FilmRequest
from benchbench.looking.film.overlay_film import FilmOptions, overlay_film
from benchbench.looking.film.sink import write_part
from benchbench.looking.film.source import open_film
from benchbench.models.preprocess import prepare
from benchbench.types import ModelSpec, Preprocess
from benchbench.viz.style import Style

ROUNDS, FRAMES, WIDTH, BATCH = 3, 120, 640, 16
GOAL = 1.5
Ways = dict[str, Callable[[], None]]


class Told(Silent):
    """A progress that says nothing."""

    def follow(self, outlook: object) -> None: ...


def source(path: Path, frames: int, width: int) -> Path:
    """A film of noise that moves slowly, 16 : 9."""
    height = width * 9 // 16 // 2 * 2
    noise = np.random.default_rng(0).integers(0, 255, (height // 8 + 40, width // 8 + 40, 3), dtype=np.uint8)
    large = Image.fromarray(noise).resize((noise.shape[1] * 8, noise.shape[0] * 8), Image.Resampling.BICUBIC)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        for k in range(frames):
            shown = large.crop((k % 300, k % 200, k % 300 + width, k % 200 + height))
            frame: Any = av.VideoFrame.from_ndarray(np.asarray(shown), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def ways(folder: Path, film: Path, network: nn.Module, layer: str) -> Ways:
    """What is compared, by name; each call makes one film."""
    spec = ModelSpec("network", network, Preprocess())
    explainer = FilmRequest({"network": spec}, ["gradcam"], layer, ["predicted"]).explainer()
    module = network.get_submodule(layer)

    def ours() -> None:
        overlay_film(film, explainer, FilmOptions(folder / "ours.mp4", Style(), batch=BATCH), Told())

    def floor() -> None:
        captured: list[torch.Tensor] = []

        def pictures() -> Any:
            read = iter(open_film(film))
            while frames := list(islice(read, BATCH)):
                images = torch.stack([prepare(frame.picture, None, spec.preprocess)[0] for frame in frames])
                with torch.enable_grad():
                    logits = network(images)
                    torch.autograd.grad(logits.amax(1).sum(), captured.pop())
                yield from (frame.picture for frame in frames)

        hook = module.register_forward_hook(lambda _module, _inputs, output: captured.append(output))
        write_part(folder / "floor.mkv", pictures(), next(iter(open_film(film))).picture.size)
        hook.remove()

    def loop() -> None:
        def pictures() -> Any:
            with pgc.GradCAM(model=network, target_layers=[module]) as extractor:
                for frame in open_film(film):
                    image = prepare(frame.picture, None, spec.preprocess)[0][None]
                    with torch.no_grad():
                        predicted = int(network(image).argmax())
                    cam = extractor(input_tensor=image, targets=[ClassifierOutputTarget(predicted)])[0]
                    large = np.asarray(Image.fromarray(cam).resize(frame.picture.size, Image.Resampling.BILINEAR))
                    shown = np.float32(np.asarray(frame.picture)) / 255
                    yield Image.fromarray(show_cam_on_image(shown, large, use_rgb=True))

        write_part(folder / "loop.mkv", pictures(), next(iter(open_film(film))).picture.size)

    return {"benchbench": ours, "floor": floor, "pytorch-grad-cam in a loop": loop}


def measured(rounds: int, frames: int, width: int, network: nn.Module, layer: str) -> dict[str, list[float]]:
    """By way, the seconds of each round."""
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = source(folder / "film.mp4", frames, width)
        for _ in range(rounds):
            for way, call in ways(folder, film, network, layer).items():
                start = time.perf_counter()
                call()
                seconds.setdefault(way, []).append(time.perf_counter() - start)
    return seconds


def lines(seconds: dict[str, list[float]], frames: int) -> Sequence[str]:
    """A line for each way: milliseconds per frame, and the median of its ratios to the floor."""
    told = []
    for way, each in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(each, seconds["floor"], strict=True))
        told.append(f"{way}: {1000 * statistics.median(each) / frames:.1f} ms a frame, {ratio:.2f} times the floor")
    ours = statistics.median(a / b for a, b in zip(seconds["benchbench"], seconds["floor"], strict=True))
    return [*told, f"goal: at most {GOAL} times the floor: {'met' if ours <= GOAL else 'NOT met'}"]


def main() -> None:
    """On ResNet-18 with random weights, which cost what trained ones do."""
    import torchvision

    rounds, frames, width = [*map(int, sys.argv[1:]), *(ROUNDS, FRAMES, WIDTH)[len(sys.argv) - 1 :]]
    torch.manual_seed(0)
    network = torchvision.models.resnet18(weights=None).eval()
    print("\n".join(lines(measured(rounds, frames, width, network, "layer4"), frames)))


if __name__ == "__main__":
    main()
