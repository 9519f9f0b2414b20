"""``benchbench explain``: maps drawn over photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .output import say
from .parsing import items, number, parse_item

DEMO = "efficientnet_lite0"  # whose weights come with a package
NAMES = "Names, separated by commas; with parameters: name:key=value"


def explain_command(
    images: Annotated[list[Path], typer.Argument(help="Photographs")],
    model: Annotated[
        str,
        typer.Option("--model", "--models", help="A name, or FILE.py:function; with parameters: name:key=value"),
    ] = DEMO,
    methods: Annotated[str, typer.Option("--methods", "--method", help=NAMES)] = "gradcam",
    layer: Annotated[str, typer.Option("--layer", "--layers", help="last, or a module path")] = "last",
    target: Annotated[str, typer.Option(help="predicted, a class, top-2, or 281-285")] = "predicted",
    plugin: Annotated[
        list[Path] | None, typer.Option("--plugin", "--plugins", help="A Python file that registers methods or models")
    ] = None,
    out: Annotated[Path, typer.Option(help="A PNG, JPEG, WebP or PDF file")] = Path("explained.png"),
) -> None:
    """Draw the maps of one or more methods over photographs, and print the network's predictions."""
    from ..api.contact_sheet import illustrate
    from ..registry import load_file

    for file in plugin or []:
        load_file(file)
    illustration = illustrate(images, parse_item(model), items(methods), layer, number(target))
    path = illustration.overlay.save(out)
    if illustration.warning:
        say(f"WARNING: {illustration.warning}", error=True)
    say("\n".join([*illustration.lines, str(path)]))
