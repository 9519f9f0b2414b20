"""``benchbench explain FILM``: the maps of every frame, drawn over the film, in parts, so that it can be resumed."""

from __future__ import annotations

import io
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from ...digests import digest
from ...engine.time_left import Outlook
from ...errors import BenchError, nearest
from ...files import make_folder, publish, read
from ...models.load import weights_digest
from ...viz.style import Style
from .drawing import FrameDrawing, Range
from .frame_maps import FrameExplainer, FrameMaps
from .sink import SUFFIXES, join, write_part
from .source import Film, FilmFrame, open_film

Scaling: TypeAlias = Literal["frame", "film"]
PART = 240  # frames
BATCH = 16


@dataclass(frozen=True)
class FilmOptions:
    """How an overlay film is made.

    Attributes:
        scaling: ``frame``, each map from its lowest to its highest value; ``film``, all maps of a method alike, so that
            the film does not flicker.
        sound: whether the source's sound is copied.

    Raises:
        BenchError: another scaling, or a file of a kind that is not written.
    """

    out: Path
    style: Style
    scaling: Scaling = "frame"
    sound: bool = True
    batch: int = BATCH

    def __post_init__(self) -> None:
        if self.scaling not in get_args(Scaling):
            raise BenchError(
                f"no scaling {self.scaling!r}", where="scaling", hint=nearest(str(self.scaling), get_args(Scaling))
            )
        if self.out.suffix.lower() not in SUFFIXES:
            hint = f"Name a file that ends in {', '.join(SUFFIXES)}"
            raise BenchError(f"cannot write a film as {self.out.suffix!r}", where=str(self.out), hint=hint)
        if not self.out.parent.is_dir():
            raise BenchError("no such folder", where=str(self.out.parent), hint="Make it first")
        if self.style.kind not in ("overlay", "map"):
            raise BenchError(f"a film is not drawn as {self.style.kind}", where="style", hint="Use overlay or map")


@dataclass(frozen=True)
class FilmDone:
    """What was made. ``damaged``: packets of the source that could not be decoded and were left out."""

    frames: int
    damaged: int
    resumed: int


def overlay_film(path: Path, explainer: FrameExplainer, options: FilmOptions, progress: Any) -> FilmDone:
    """Write the film with its maps. An interrupted call is continued by the same call: whole parts are kept.

    The parts lie beside the film, in ``OUT.parts``, and are removed in the end. Memory does not grow with the length.

    Raises:
        BenchError: the film cannot be read or written, or a method fails.
    """
    film = open_film(path)
    folder = _Parts.open(options.out, _identity(path, explainer, options))
    work = _Work(film, explainer, options, folder, progress)
    return work.run()


@dataclass(frozen=True)
class _Parts:
    """The folder of the parts."""

    folder: Path

    @classmethod
    def open(cls, out: Path, identity: str) -> _Parts:
        """The folder, emptied if it holds the parts of another film, network, method or look.

        Raises:
            BenchError: there is something else of this name.
        """
        folder = out.with_name(f"{out.name}.parts")
        mark = folder / "of.json"
        if folder.exists() and not mark.is_file():
            raise BenchError("it is not the parts of a film", where=str(folder), hint="Give another --out")
        if folder.exists() and read(mark).decode("utf-8", "replace") != identity:
            shutil.rmtree(folder)
        make_folder(folder)
        publish(mark, identity)
        return cls(folder)

    def maps(self, number: int) -> Path:
        return self.folder / f"maps-{number:06d}.npz"

    def film(self, number: int) -> Path:
        return self.folder / f"film-{number:06d}.mkv"

    def save(self, number: int, part: FrameMaps, times: Sequence[int]) -> None:
        out = io.BytesIO()
        arrays = {f"map{k}": each for k, each in enumerate(part.maps)}
        np.savez_compressed(
            out,
            allow_pickle=False,
            targets=part.targets,
            probabilities=part.probabilities,
            times=np.array(times, dtype=np.int64),
            **arrays,
        )
        publish(self.maps(number), out.getvalue())

    def load(self, number: int) -> tuple[FrameMaps, list[int]]:
        with np.load(self.maps(number), allow_pickle=False) as held:
            maps = tuple(held[f"map{k}"] for k in range(len(held.files) - 3))
            return FrameMaps(maps, held["targets"], held["probabilities"]), held["times"].tolist()


def _identity(path: Path, explainer: FrameExplainer, options: FilmOptions) -> str:
    """Everything on which the parts depend."""
    stat = path.stat()
    drawn = [options.style.kind, options.style.colours, options.style.alpha, options.scaling]
    methods = [[m.label, m.title, sorted((k, repr(v)) for k, v in m.params.items())] for m in explainer.methods]
    network = [explainer.spec.name, weights_digest(explainer.spec.network), vars(explainer.spec.preprocess)]
    parts = [str(path.resolve()), stat.st_size, stat.st_mtime_ns, drawn, methods, network, explainer.layer]
    return json.dumps({"of": digest("film", *parts, str(explainer.target), explainer.seed, PART)}) + "\n"


@dataclass(eq=False)
class _Work:
    film: Film
    explainer: FrameExplainer
    options: FilmOptions
    parts: _Parts
    progress: Any
    done: int = 0
    fresh: int = 0
    began: float = 0.0
    _size: tuple[int, int] | None = None
    _ranges: tuple[Range, ...] = ()

    def run(self) -> FilmDone:
        self.began = time.monotonic()
        self.progress.start(self._total)
        once = self.options.scaling == "frame"
        self._pass(explain=True, draw=once)
        count = self._count()
        if not once:
            self._ranges = self._read_ranges(count)
            self._pass(explain=False, draw=True)
        self.progress.say("joining the parts")
        times = [moment for number in range(count) for moment in self.parts.load(number)[1]]
        sound = Film(self.film.path, self.film.time_base, self.film.frames, self.film.audio and self.options.sound)
        join([self.parts.film(number) for number in range(count)], times, sound, self.options.out)
        shutil.rmtree(self.parts.folder)
        return FilmDone(len(times), self.film.damaged, len(times) - self.fresh)

    @property
    def _total(self) -> int:
        return self.film.frames * (1 if self.options.scaling == "frame" else 2)

    def _count(self) -> int:
        number = 0
        while self.parts.maps(number).exists():
            number += 1
        return number

    def _pass(self, *, explain: bool, draw: bool) -> None:
        """Read the film once. A part that is there is read over."""
        self.film.damaged = 0
        frames, number = iter(self.film), 0
        while True:
            first = list(islice(frames, 1))
            if not first:
                break
            part = _Part(first[0], islice(frames, PART - 1))
            self._part(number, part, explain=explain, draw=draw)
            for _ in part.frames():  # what was not read of a part that is there
                self._advance(1)
            number += 1

    def _part(self, number: int, part: _Part, *, explain: bool, draw: bool) -> None:
        film, maps = self.parts.film(number), self.parts.maps(number)
        if maps.exists() and (film.exists() or not draw):
            return
        drawing = self._drawing(part.first)
        if maps.exists():
            held, _ = self.parts.load(number)
            write_part(film, self._drawn(drawing, part.frames(), held), drawing.drawn_size)
        elif explain and not draw:
            self._keep(number, list(self._explained(number, part)))
        elif explain:
            gathered: list[tuple[FrameMaps, list[int]]] = []
            write_part(film, self._explained_and_drawn(drawing, number, part, gathered), drawing.drawn_size)
            self._keep(number, gathered)

    def _keep(self, number: int, gathered: Sequence[tuple[FrameMaps, list[int]]]) -> None:
        batches = [batch for batch, _ in gathered]
        whole = FrameMaps(
            tuple(np.concatenate(maps) for maps in zip(*(batch.maps for batch in batches), strict=True)),
            np.concatenate([batch.targets for batch in batches]),
            np.concatenate([batch.probabilities for batch in batches]),
        )
        self.parts.save(number, whole, [moment for _, times in gathered for moment in times])

    def _explained(self, number: int, part: _Part) -> Iterator[tuple[FrameMaps, list[int]]]:
        for _, batch, times in self._batches(number, part):
            yield batch, times

    def _explained_and_drawn(
        self, drawing: FrameDrawing, number: int, part: _Part, gathered: list[tuple[FrameMaps, list[int]]]
    ) -> Iterator[Any]:
        for frames, batch, times in self._batches(number, part):
            gathered.append((batch, times))
            yield from self._pictures(drawing, frames, batch, 0)

    def _batches(self, number: int, part: _Part) -> Iterator[tuple[list[FilmFrame], FrameMaps, list[int]]]:
        frames, at = part.frames(), number * PART
        while batch := list(islice(frames, self.options.batch)):
            numbers = range(at, at + len(batch))
            yield batch, self.explainer.explain([f.picture for f in batch], numbers), [f.time for f in batch]
            at += len(batch)
            self.fresh += len(batch)
            self._advance(len(batch))

    def _drawn(self, drawing: FrameDrawing, frames: Iterator[FilmFrame], held: FrameMaps) -> Iterator[Any]:
        at = 0
        while batch := list(islice(frames, self.options.batch)):
            yield from self._pictures(drawing, batch, held, at)
            at += len(batch)
            self._advance(len(batch))

    def _pictures(self, drawing: FrameDrawing, frames: Sequence[FilmFrame], maps: FrameMaps, at: int) -> Iterator[Any]:
        for k, frame in enumerate(frames, start=at):
            words = self.explainer.words(int(maps.targets[k]), float(maps.probabilities[k]))
            yield drawing.draw(frame.picture, [each[k] for each in maps.maps], words)

    def _drawing(self, first: FilmFrame) -> FrameDrawing:
        """Of a film, all frames of which have the size of the first."""
        if self._size is None:
            self._size = first.picture.size
        methods = tuple(method.title for method in self.explainer.methods)
        return FrameDrawing.of(self._size, self.explainer.spec.preprocess, methods, self.options.style, self._ranges)

    def _read_ranges(self, count: int) -> tuple[Range, ...]:
        """By method, the lowest and the highest value of all maps of the film."""
        ends = [
            [(float(each.min()), float(each.max())) for each in self.parts.load(number)[0].maps]
            for number in range(count)
        ]
        return tuple(
            Range(min(low for low, _ in parts), max(high for _, high in parts)) for parts in zip(*ends, strict=True)
        )

    def _advance(self, count: int) -> None:
        self.done += count
        self.progress.advance(count)
        spent = time.monotonic() - self.began
        left = spent / self.done * (self._total - self.done) if self._total else None
        self.progress.follow(Outlook(self.done, self._total, spent, None if left is None else max(0.0, left)))


class _Part:
    """A part's frames: the first, which was read to know whether there is one, and the others."""

    def __init__(self, first: FilmFrame, others: Iterator[FilmFrame]) -> None:
        self.first = first
        self._left = chain([first], others)

    def frames(self) -> Iterator[FilmFrame]:
        """Those that were not read yet."""
        return self._left
