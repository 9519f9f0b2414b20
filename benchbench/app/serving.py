"""The page put together, and served; nothing of it asks another machine for anything."""

from __future__ import annotations

import importlib
import os
import socket
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from ..cost.measure import host_peak
from ..errors import BenchError
from .app_options import AppOptions
from .live_panel import live_panel
from .maps_panel import maps_panel
from .picture_door import MOST_BYTES
from .request_filter import RequestFilter
from .runs_panel import runs_panel
from .visitor_desk import VisitorDesk

TITLE = "benchbench"
_INSTALL = "Install it with: pip install 'benchbench-saliency[app]'"
_KEEP = (600, 3600)  # seconds: how often uploads are looked at, and the age at which they are deleted
_WAITING = 64  # events that may wait for their turn
_QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_SHARE": "False",
    "GRADIO_SSR_MODE": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
    "FASTAPI_OTEL_AUTO_CONFIGURE": "false",
}


@contextmanager
def served(options: AppOptions) -> Iterator[tuple[Any, socket.socket, str]]:
    """The application, the socket that it will be served at, and its address; uploads are deleted at the end.

    Raises:
        BenchError: Gradio is not installed, the port is taken, or the first network cannot be loaded.
    """
    with TemporaryDirectory(prefix="benchbench-uploads-") as folder, _environment(Path(folder)):
        gr = imported_gradio()
        with listening(options) as listener:
            port = listener.getsockname()[1]
            host = f"[{options.host}]" if ":" in options.host else options.host
            desk = VisitorDesk(options, Path(folder))
            desk.shelf.network(next(iter(options.models)))  # a mistake in its name is said before anybody visits
            host_peak(lambda: torch.zeros(1))  # torch's profiler wants its first use in this thread
            yield application(gr, desk, port), listener, f"http://{host}:{port}"


def serve(options: AppOptions, tell: Callable[[str], None], *, open_page: bool = False) -> None:
    """Serve the app until a signal ends it.

    Args:
        tell: is told the address.
        open_page: whether the page is opened in a browser.

    Raises:
        BenchError: as ``served``.
    """
    with served(options) as (app, listener, address):
        import uvicorn

        tell(f"{address}   (Ctrl-C ends the app)")
        if open_page:
            webbrowser.open(address)
        uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on")).run(sockets=[listener])


def application(gr: Any, desk: VisitorDesk, port: int) -> RequestFilter:
    """The page as an ASGI application, behind the filter of requests."""
    from fastapi import FastAPI

    blocks = page(gr, desk)
    theme = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    app = gr.mount_gradio_app(
        FastAPI(openapi_url=None, docs_url=None, redoc_url=None),
        blocks,
        path="/",
        server_name=desk.options.host,
        server_port=port,
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=MOST_BYTES,
        allowed_paths=[],
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=theme,
        css=(files(__package__) / "templates" / "app.css").read_text(encoding="utf-8"),
    )
    blocks.has_launched = True  # else Gradio takes it for an app under construction, whose events may name any file
    return RequestFilter(app, desk.uploads, desk.options.local)


def page(gr: Any, desk: VisitorDesk) -> Any:
    """The page's components and events."""
    first = next(iter(desk.options.models))
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=_KEEP) as blocks:
        gr.HTML("<h1>benchbench</h1>", elem_id="head")
        network = gr.Dropdown(list(desk.shelf.names), value=first, label="Network", elem_id="network")
        with gr.Tab("Picture", id="picture-tab"):
            maps = maps_panel(gr, desk, network)
        with gr.Tab("Live camera", id="live-tab"):
            live = live_panel(gr, desk, network)
        with gr.Tab("Runs", id="runs-tab"):
            runs = runs_panel(gr, desk)
        for connect in (maps, live, runs):
            connect(blocks)
    blocks.queue(max_size=_WAITING, default_concurrency_limit=1, api_open=False)
    return blocks


def imported_gradio() -> Any:
    """Gradio.

    Raises:
        BenchError: it is not installed.
    """
    try:
        return importlib.import_module("gradio")
    except ImportError:
        raise BenchError("Gradio, which makes the page, is not installed", where="app", hint=_INSTALL) from None


@contextmanager
def _environment(folder: Path) -> Iterator[None]:
    """Gradio's switches, read when it is imported and while it runs: it tells nobody, and keeps its files here."""
    mine = {**_QUIET, "GRADIO_TEMP_DIR": str(folder), "GRADIO_EXAMPLES_CACHE": str(folder / "examples")}
    before = {key: os.environ.get(key) for key in mine}
    os.environ.update(mine)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


@contextmanager
def listening(options: AppOptions) -> Iterator[socket.socket]:
    """A socket at the host and port.

    Raises:
        BenchError: the port is taken, or the host is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        listener = socket.create_server((options.host, options.port), family=family, reuse_port=False)
    except OSError as error:
        where = f"{options.host}:{options.port}"
        raise BenchError(error.strerror or str(error), where=where, hint="Give another --port or --host") from None
    with listener:
        yield listener
