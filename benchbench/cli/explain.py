"""``benchbench explain``: maps drawn over photographs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import BenchError
from ..study.item_text import items, parse_item
from .output import say
from .parsing import labels

if TYPE_CHECKING:
    from ..looking.film.command import FilmRequest
    from ..looking.film.overlay_film import FilmOptions

DEMO = "efficientnet_lite0"  # whose weights come with a package
NAMES = "Names, separated by commas; with parameters: name:key=value"


Images = Annotated[list[str], typer.Argument(help="Photographs, folders, patterns in quotes; or a film, or camera")]
_MODEL = "A name, or FILE.py:function; with parameters: name:key=value"
Model = Annotated[str, typer.Option("--model", "--models", help=_MODEL)]
Methods = Annotated[str, typer.Option("--methods", "--method", help=NAMES)]
_LAYERS = "last, stages, or module paths separated by commas"
Layers = Annotated[str, typer.Option("--layers", "--layer", help=_LAYERS)]
_CLASSES = "predicted, top5, top-2, names, numbers, or 281-285; separated by commas"
Classes = Annotated[str, typer.Option("--classes", "--target", help=_CLASSES)]
Scores = Annotated[bool, typer.Option("--scores", help="Deletion and insertion under each map")]
Columns = Annotated[str, typer.Option(help="auto, methods, layers or classes")]
StyleName = Annotated[str, typer.Option("--style", help="overlay, contour, top (the highest 20 %) or map")]
_COLOURS = "inferno, magma, plasma, viridis, cividis, gray or jet"
Colours = Annotated[str, typer.Option("--colours", "--colors", help=_COLOURS)]
Alpha = Annotated[float, typer.Option(help="The map's share of an overlay, 0 to 1")]
Raw = Annotated[Path | None, typer.Option(help="A folder for the maps as numbers: npz, float TIFF, index.csv")]
Boxes = Annotated[Path | None, typer.Option(help="A JSON file for boxes around each map, in COCO's form")]
Masks = Annotated[Path | None, typer.Option(help="A folder for a mask of each map, as PNG")]
Threshold = Annotated[float, typer.Option(help="Of boxes and masks: a share of the map's maximum")]
Seed = Annotated[int, typer.Option(help="Of everything that is drawn at random")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1")]
_PLUGIN = "A Python file that registers methods or models"
Plugin = Annotated[list[Path] | None, typer.Option("--plugin", "--plugins", help=_PLUGIN)]
_SCALING = "Of a film: frame, each map by itself; film, all maps alike, without flicker"
Scaling = Annotated[str, typer.Option(help=_SCALING)]
Sound = Annotated[bool, typer.Option("--audio/--no-audio", help="Of a film: copy its sound")]
Batch = Annotated[int, typer.Option(min=1, help="Of a film: frames in a forward pass")]
_SECONDS = "Of the camera: how long the film is; by default until Ctrl-C"
Seconds = Annotated[float | None, typer.Option(help=_SECONDS, show_default=False)]
_OUT = "PNG (default: explained.png), JPEG, WebP, SVG, PDF or HTML; of a film or the camera MP4, MOV or MKV"
Out = Annotated[Path | None, typer.Option(help=_OUT)]


def explain_command(
    images: Images,
    model: Model = DEMO,
    methods: Methods = "gradcam",
    layers: Layers = "last",
    classes: Classes = "predicted",
    scores: Scores = False,
    columns: Columns = "auto",
    style: StyleName = "overlay",
    colours: Colours = "inferno",
    alpha: Alpha = 0.5,
    raw: Raw = None,
    boxes: Boxes = None,
    masks: Masks = None,
    threshold: Threshold = 0.2,
    seed: Seed = 0,
    device: Device = "auto",
    plugin: Plugin = None,
    scaling: Scaling = "frame",
    sound: Sound = True,
    batch: Batch = 16,
    seconds: Seconds = None,
    out: Out = None,
) -> None:
    """Draw the maps of methods, layers and classes over photographs, a film or the camera; print the predictions."""
    from ..looking.explain_outputs import Outputs, written
    from ..looking.film.command import FilmRequest
    from ..looking.film.overlay_film import FilmOptions
    from ..looking.look import LookRequest
    from ..looking.named_pictures import picture_files, pictures
    from ..registry import load_file
    from ..viz.style import Style

    looks = Style(style, colours, alpha)  # type: ignore[arg-type]  # it checks
    for file in plugin or []:
        load_file(file)
    if (source := _film_or_camera(images, seconds)) is not None:
        _refuse_with_film({"--scores": scores, "--raw": raw, "--boxes": boxes, "--masks": masks})
        asked = FilmRequest(parse_item(model), items(methods), layers, items(classes), seed, device)
        film_options = FilmOptions(out or Path("explained.mp4"), looks, scaling, sound, batch)  # type: ignore[arg-type]
        say(*_film_lines(source, asked, film_options, seconds))
        return
    outputs = Outputs(out or Path("explained.png"), raw, boxes, masks, threshold)
    files = picture_files(images)
    wanted = LookRequest(
        parse_item(model),
        pictures(files),
        items(methods),
        layers if layers in ("last", "stages") else labels(layers),
        items(classes),
        scores,
        seed,
        device,
    )
    done = written(wanted, files, columns, looks, outputs)
    for warning in done.warnings:
        say(f"WARNING: {warning}", error=True)
    say(*done.lines, *done.files)
    if done.failed:
        raise typer.Exit(1)


def _film_or_camera(images: Sequence[str], seconds: float | None) -> str | Path | None:
    """The words of the camera or the path of the film, if one is named.

    Raises:
        BenchError: something else is named beside it, or seconds of what is no camera.
    """
    from ..looking.film.camera import camera_among
    from ..looking.film.source import films_among

    camera = camera_among(images)
    if seconds is not None and not camera:
        raise BenchError("it is for the camera", where="--seconds", hint="Leave it out, or name camera")
    return camera or films_among(images)


def _film_lines(source: str | Path, request: FilmRequest, options: FilmOptions, seconds: float | None) -> Iterator[str]:
    """Explain a film or the camera, and say what was written."""
    from ..looking.film.camera_film import camera_lines
    from ..looking.film.command import film_lines

    if isinstance(source, Path):
        return film_lines(source, request, options)
    return camera_lines(source, request, options, seconds)


def _refuse_with_film(options: Mapping[str, object]) -> None:
    """Refuse what is asked of photographs alone.

    Raises:
        BenchError: one of the options is given.
    """
    for name, value in options.items():
        if value:
            raise BenchError("it is for photographs, not for films", where=name, hint="Leave it out")
