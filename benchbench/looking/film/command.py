"""``benchbench explain FILM``, from its words to what it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...console import plain_console
from ...engine.progress import Terminal
from ...engine.threads import fitting_threads
from ...errors import BenchError
from ...formatting import plural
from ...study.spec import StudySpec
from .frame_maps import FrameExplainer
from .overlay_film import FilmOptions, overlay_film


@dataclass(frozen=True)
class FilmRequest:
    """What is explained of a film's frames: one network, methods, one layer and one class.

    Attributes:
        model, methods: as in a study. layer: ``last`` or a module's path. classes: one, as ``targets_of`` reads it.
    """

    model: Any
    methods: Sequence[Any]
    layer: str
    classes: Sequence[str | int]
    seed: int = 0
    device: str = "auto"

    def explainer(self) -> FrameExplainer:
        """The network and the methods, made ready.

        Raises:
            BenchError: an unknown name, or more than one layer or class.
        """
        if len(self.classes) != 1:
            raise BenchError("a film is explained for one class", where="classes", hint="Give one, or predicted")
        if "," in self.layer or self.layer == "stages":
            raise BenchError("a film is explained at one layer", where="layers", hint="Give last or a module's path")
        study = StudySpec(
            models=self.model if isinstance(self.model, dict) and "name" not in self.model else [self.model],
            datasets=["photos"],
            methods=list(self.methods),
            metrics=["map_mean"],
            seed=self.seed,
            device=self.device,
        )
        return FrameExplainer.of(study, self.layer, self.classes[0])


def film_lines(film: Path, request: FilmRequest, options: FilmOptions) -> Iterator[str]:
    """Make the film, and say what was made.

    Raises:
        BenchError: an unknown word, a film that cannot be read, or a file that cannot be written.
    """
    bar = Terminal(plain_console(stderr=True))
    try:
        with fitting_threads():
            explainer = request.explainer()
            if explainer.spec.warning:
                bar.warn(explainer.spec.warning)
            done = overlay_film(film, explainer, options, bar)
    finally:
        bar.stop()
    kept = f", {plural(done.resumed, 'of them was', 'of them were')} there" if done.resumed else ""
    yield f"{film}: {plural(done.frames, 'frame')}{kept}"
    if done.damaged:
        yield f"{plural(done.damaged, 'damaged packet')} could not be decoded and left out"
    yield str(options.out)
