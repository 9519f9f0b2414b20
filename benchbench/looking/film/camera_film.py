"""``benchbench explain camera``: the newest frame under its maps, one after the other, as a film."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from ...console import plain_console
from ...engine.progress import Terminal
from ...engine.stopping import StopRequest, stoppable
from ...engine.threads import fitting_threads
from ...errors import BenchError
from ...formatting import plural
from .camera import WORD, Camera
from .command import FilmRequest
from .drawing import FrameDrawing
from .frame_maps import FrameExplainer
from .overlay_film import FilmOptions
from .sink import join, write_part
from .source import Film

_MILLISECOND = Fraction(1, 1000)


def camera_lines(words: str, request: FilmRequest, options: FilmOptions, seconds: float | None) -> Iterator[str]:
    """Write the film of a camera, until the time is over or a signal comes, and say what was written.

    Args:
        words: ``camera``, ``camera:1`` or ``camera:DEVICE``.

    Raises:
        BenchError: there is no camera, an unknown word, or a file that cannot be written.
    """
    if options.scaling != "frame":
        hint = "Leave --scaling out, or record a film first"
        raise BenchError("a camera is seen once, and film reads the frames twice", where="scaling", hint=hint)
    if seconds is not None and not 0 < seconds < math.inf:
        raise BenchError(f"seconds is {seconds}", where="seconds", hint="Give a number above 0")
    bar, camera = Terminal(plain_console(stderr=True)), None
    try:
        bar.say("opening the camera")
        camera = Camera.open(words)
        with fitting_threads(), stoppable() as stop:
            explainer = request.explainer()
            if explainer.spec.warning:
                bar.warn(explainer.spec.warning)
            bar.tell(
                f"{WORD} {camera.address}; {'' if seconds is None else f'{seconds:g} seconds; '}Ctrl-C ends the film"
            )
            with stop.patient(lambda: None):
                work = _CameraFilm(camera, explainer, options, seconds, stop, bar)
                work.write()
    finally:
        bar.stop()
        if camera is not None:
            camera.close()
    yield from work.lines()
    yield str(options.out)


class _CameraFilm:
    """The frames that are drawn, and their times: all that grows with the length of the film."""

    def __init__(
        self,
        camera: Camera,
        explainer: FrameExplainer,
        options: FilmOptions,
        seconds: float | None,
        stop: StopRequest,
        bar: Any,
    ) -> None:
        self.camera, self.explainer, self.options = camera, explainer, options
        self.seconds, self.stop, self.bar = seconds, stop, bar
        self.times: list[int] = []

    def write(self) -> None:
        out = self.options.out
        frames = self.camera.frames(self.seconds, lambda: bool(self.stop.number))
        first = next(frames, None)
        if first is None:
            raise BenchError("no picture was taken", where=WORD, hint="Let it run for longer")
        methods = tuple(method.title for method in self.explainer.methods)
        drawing = FrameDrawing.of(first.picture.size, self.explainer.spec.preprocess, methods, self.options.style)

        def drawn() -> Iterator[Image.Image]:
            for frame in chain([first], frames):
                yield self._drawn(drawing, frame.picture, frame.time)

        with TemporaryDirectory(dir=out.parent, prefix=f"{out.name}.") as folder:
            part = Path(folder) / "film.mkv"
            write_part(part, drawn(), drawing.drawn_size)
            join([part], self.times, Film(part, _MILLISECOND, 0, False), out)

    def _drawn(self, drawing: FrameDrawing, picture: Image.Image, time: int) -> Image.Image:
        maps = self.explainer.explain([picture], [len(self.times)])
        self.times.append(time)
        self.bar.say(f"{time / 1000:.1f} s, {plural(len(self.times), 'frame')}")
        words = self.explainer.words(int(maps.targets[0]), float(maps.probabilities[0]))
        return drawing.draw(picture, [each[0] for each in maps.maps], words)

    def lines(self) -> Iterator[str]:
        """What was written."""
        count, spent = len(self.times), self.times[-1] / 1000
        pace = f", {(count - 1) / spent:.1f} a second" if spent else ""
        yield f"{WORD} {self.camera.address}: {plural(count, 'frame')} in {spent:.1f} s{pace}"
        if self.camera.skipped:
            yield f"The camera was faster than the network: {plural(self.camera.skipped, 'frame')} of it were skipped"
        if self.camera.lost:
            yield f"The camera was lost: {self.camera.lost}"
