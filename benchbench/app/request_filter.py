"""What of Gradio's server may be asked for: the page, its events and a visitor's upload; nothing else of this machine.

Gradio has many more addresses: it fetches URLs, serves files, records, and edits itself. The app needs none of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from .picture_door import MOST_BYTES, MOST_FRAME_BYTES

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_FILE = "/gradio_api/file="
_READ = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/manifest\.json|/(assets|static)/.+|"
    r"/gradio_api/(heartbeat/\w+|queue/data|upload_progress|startup-events|info/?|theme\.css)"
)
_EVENTS = re.compile(r"/gradio_api/(queue/join/?|cancel|reset/?|stream/\w+(/close)?)")
_UPLOAD = "/gradio_api/upload"
_MOST_EVENT = 2 * MOST_FRAME_BYTES  # bytes of an event's body: a frame in base64, and the rest
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


@dataclass(frozen=True)
class Refusal(Exception):  # noqa: N818 - an answer to a request
    """A request that is not answered: its status, and why."""

    status: int
    why: str


@dataclass(eq=False)
class RequestFilter:
    """Stands before Gradio's application.

    Args:
        app: Gradio's.
        uploads: the folder of visitors' files, the only one of which files are served or taken.
        local: whether only this machine may ask, by a name of its own: a website that gives its name this machine's
            address does not reach the app.
    """

    app: Callable[[Scope, Receive, Send], Awaitable[None]]
    uploads: Path
    local: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            self._check(scope)
            if _EVENTS.fullmatch(scope["path"]):
                receive = await self._checked_body(receive)
        except Refusal as refusal:
            await _refuse(refusal, send)
            return
        await self.app(scope, receive, _with_headers(send))

    def _check(self, scope: Scope) -> None:
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        host = headers.get("host", "")
        if self.local and urlsplit(f"//{host}").hostname not in _LOOPBACK:
            raise Refusal(421, "not a name of this machine")
        method, path = scope["method"], scope["path"]
        if method == "POST":
            if "origin" in headers and urlsplit(headers["origin"]).netloc != host:
                raise Refusal(403, "asked by another website")
            if path == _UPLOAD:
                _check_length(headers, 2 * MOST_BYTES)
            elif not _EVENTS.fullmatch(path):
                raise Refusal(404, "not served")
        elif method not in ("GET", "HEAD"):
            raise Refusal(405, "not served")
        elif path.startswith(_FILE):
            self._check_file(path.removeprefix(_FILE))
        elif not _READ.fullmatch(path):
            raise Refusal(404, "not served")

    def _check_file(self, path: str) -> None:
        """Raises Refusal: it is an address, or a file that no visitor uploaded."""
        try:
            inside = Path(path).is_absolute() and Path(path).resolve().is_relative_to(self.uploads.resolve())
        except (OSError, ValueError):
            inside = False
        if not inside:
            raise Refusal(403, "not a file of this app")

    async def _checked_body(self, receive: Receive) -> Receive:
        """The request's body, read; every file that it names is a visitor's upload."""
        body = await _body(receive)
        try:
            value = json.loads(body) if body else None
        except (ValueError, RecursionError):
            raise Refusal(400, "not JSON") from None
        for path in _paths(value):
            self._check_file(path)
        return _replayed(body, receive)


def _check_length(headers: MutableMapping[str, str], most: int) -> None:
    length = headers.get("content-length", "")
    if not length.isdecimal():
        raise Refusal(411, "the length is missing")
    if int(length) > most:
        raise Refusal(413, "the file is too large")


async def _body(receive: Receive) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Refusal(400, "the request ended early")
        part, more = message.get("body", b""), message.get("more_body", False)
        parts.append(part)
        size += len(part)
        if size > _MOST_EVENT:
            raise Refusal(413, "the request is too large")
    return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def again() -> MutableMapping[str, Any]:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _paths(value: Any) -> Iterator[str]:
    """Every path in a JSON value, as Gradio's files have it."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            path = each.get("path")
            if path is not None:
                yield path if isinstance(path, str) else ""
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def _with_headers(send: Send) -> Send:
    async def with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
        await send(message)

    return with_headers


async def _refuse(refusal: Refusal, send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": refusal.why.encode()})
