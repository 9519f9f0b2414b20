"""What the served app answers: the page, its events, a visitor's uploads; and nothing else of this machine."""

from __future__ import annotations

import json
import re
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from benchbench import BenchError
from benchbench.app import picture_door
from benchbench.app.app_options import AppOptions
from benchbench.app.serving import listening

from .pictures import HTML
from .running import RunningApp


def _asked(app: RunningApp, path: str, data: bytes | None = None, **headers: str) -> tuple[int, bytes, Any]:
    request = urllib.request.Request(app.address + path, data, {key.replace("_", "-"): v for key, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def _event(app: RunningApp, data: list[Any], path: str = "/gradio_api/queue/join?") -> int:
    body = {"data": data, "fn_index": 0, "session_hash": "x", "event_data": None}
    return _asked(app, path, json.dumps(body).encode(), Content_Type="application/json")[0]


def _upload(app: RunningApp, content: bytes, name: str = "a.png") -> tuple[int, bytes]:
    mark = "mark"
    head = f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
    body = head + content + f"\r\n--{mark}--\r\n".encode()
    status, answer, _ = _asked(app, "/gradio_api/upload", body, Content_Type=f"multipart/form-data; boundary={mark}")
    return status, answer


def test_the_page_asks_no_other_machine(app: RunningApp) -> None:
    status, page, headers = _asked(app, "/")
    assert status == 200
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "connect-src 'self' data: blob:;" in policy
    config = json.loads(_asked(app, "/config")[1])
    assert config["analytics_enabled"] is False
    assert not config.get("is_space")
    loaded = re.findall(rb"<(?:script|link|img)[^>]*(?:src|href)=\"(https?:[^\"]*)", page)
    assert loaded == []


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=../../../../etc/passwd",
        "/gradio_api/file=%2Fetc%2Fpasswd",
        "/gradio_api/file=net.py",
        "/gradio_api/file=http://127.0.0.1:1/x",
        "/gradio_api/file=https://example.org/x",
        "/gradio_api/file/etc/passwd",
        "/file=/etc/passwd",
        "/gradio_api/proxy=https://example.org/x",
        "/gradio_api/openapi.json",
        "/gradio_api/runs",
        "/gradio_api/vibe-code",
        "/monitoring",
        "/docs",
        "/login",
        "/static/../../../../etc/passwd",
        "/assets/..%2f..%2f..%2f..%2fetc/passwd",
    ],
)
def test_other_files_and_addresses_are_refused(app: RunningApp, path: str) -> None:
    status, body, _ = _asked(app, path)
    assert status in (403, 404)
    assert b"root:" not in body


def test_files_of_this_machine_beside_the_app(app: RunningApp, app_home: Path) -> None:
    for file in (app_home / "net.py", app_home / "cat.png", app_home / "a" / "run.json", Path(__file__)):
        assert _asked(app, f"/gradio_api/file={file}")[0] == 403
    (app.uploads / "link.txt").symlink_to(app_home / "net.py")
    assert _asked(app, f"/gradio_api/file={app.uploads / 'link.txt'}")[0] == 403


def test_an_upload_is_served_as_a_file_and_not_as_a_page(app: RunningApp) -> None:
    status, answer = _upload(app, HTML, "page.html")
    assert status == 200
    (path,) = json.loads(answer)
    assert Path(path).resolve().is_relative_to(app.uploads.resolve())
    status, body, headers = _asked(app, f"/gradio_api/file={path}")
    assert (status, body) == (200, HTML)
    assert headers["content-disposition"].startswith("attachment")
    assert headers["x-content-type-options"] == "nosniff"
    assert _event(app, [{"path": path, "meta": {"_type": "gradio.FileData"}}]) != 403


@pytest.mark.parametrize("path", ["/gradio_api/queue/join?", "/gradio_api/stream/abc"])
@pytest.mark.parametrize("file", ["/etc/passwd", "http://127.0.0.1:1/x.png", "https://example.org/x.png", "x.png", 7])
def test_an_event_names_uploads_alone(app: RunningApp, path: str, file: object) -> None:
    payload = {"path": file, "meta": {"_type": "gradio.FileData"}}
    for data in ([payload], [[{"value": payload}]], [{"image": {"inner": [payload]}}]):
        assert _event(app, data, path) == 403


def test_bodies_that_are_none(app: RunningApp) -> None:
    for body in (b"{", b"\xff", b"[" * 100_000):
        assert _asked(app, "/gradio_api/queue/join?", body, Content_Type="application/json")[0] == 400
    assert _asked(app, "/gradio_api/queue/join?", b" " * (17 << 20))[0] == 413


def test_other_names_of_this_machine_and_other_websites_are_refused(app: RunningApp) -> None:
    assert _asked(app, "/", Host="evil.example")[0] == 421
    assert _asked(app, "/", Host="127.0.0.1.evil.example:80")[0] == 421
    port = app.address.rpartition(":")[2]
    assert _asked(app, "/", Host=f"localhost:{port}")[0] == 200
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        assert _asked(app, "/gradio_api/queue/join?", b"{}", Origin=origin)[0] == 403
    assert _asked(app, "/gradio_api/run-history/connect", b"{}")[0] == 404
    assert _asked(app, "/gradio_api/vibe-edit", b"{}")[0] == 404


def test_a_file_that_is_too_large_is_refused(app: RunningApp) -> None:
    assert _asked(app, "/gradio_api/upload", b"", Content_Length=str(3 * picture_door.MOST_BYTES))[0] == 413


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        options = AppOptions({"a": "a"}, port=port)
        with pytest.raises(BenchError, match=f"127.0.0.1:{port}: .*another --port"), listening(options):
            pass
