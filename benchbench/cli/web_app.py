"""``benchbench app``: pictures, a camera and runs in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..app.app_options import HOST, PORT, AppOptions
from ..study.item_text import parse_item
from .output import say

_MODEL = "A network that visitors may choose beside the registered ones: a name, or FILE.py:function; several times"
_RUN = "A run's folder that visitors may open; several times"
_HOST = "The address to listen at; 0.0.0.0 lets other machines in"


def app_command(
    model: Annotated[list[str] | None, typer.Option("--model", "--models", help=_MODEL)] = None,
    run: Annotated[list[Path] | None, typer.Option("--run", "--runs", help=_RUN)] = None,
    host: Annotated[str, typer.Option(help=_HOST)] = HOST,
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one")] = PORT,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1")] = "auto",
    plugin: Annotated[
        list[Path] | None,
        typer.Option("--plugin", "--plugins", help="A Python file that registers methods or models"),
    ] = None,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser")] = False,
) -> None:
    """Serve a page on this machine: maps of your pictures and your camera, and runs side by side (extra app)."""
    from ..app.serving import serve
    from ..registry import load_file
    from .explain import DEMO

    for file in plugin or []:
        load_file(file)
    models = {text: parse_item(text) for text in model or [DEMO]}
    options = AppOptions(models, tuple(run or ()), host, port, device)
    serve(options, lambda address: say(f"benchbench app: {address}"), open_page=open_page)
