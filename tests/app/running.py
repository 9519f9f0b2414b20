"""The app in a thread of this process, for tests and for the screenshot of docs/app.md."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchbench.app.app_options import AppOptions
from benchbench.app.request_filter import RequestFilter
from benchbench.app.serving import served


@dataclass(frozen=True)
class RunningApp:
    """An app that is served: its address, and the folder of its visitors' files."""

    address: str
    uploads: Path


@contextmanager
def running(options: AppOptions) -> Iterator[RunningApp]:
    """Serve an app at a free port while the block lasts."""
    import uvicorn

    with served(options) as (app, listener, address):
        assert isinstance(app, RequestFilter)
        server: Any = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.05)
        try:
            yield RunningApp(address, app.uploads)
        finally:
            server.should_exit = server.force_exit = True
            thread.join(20)
