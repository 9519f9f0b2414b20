"""A page in a real browser, and all that it complains of or asks for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextmanager
def chromium(*options: str) -> Iterator[Any]:
    """Playwright's browser; a skip, or a failure in CI, where there is no Chromium.

    Args:
        options: of the browser's command line, such as those of a fake camera.
    """
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        if os.environ.get("BENCHBENCH_REQUIRE_BROWSER") == "1":
            pytest.fail("BENCHBENCH_REQUIRE_BROWSER=1, and there is no Chromium")
        pytest.skip("there is no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*QUIET, *options])
        yield browser
        browser.close()


@dataclass
class Heard:
    """A tab, and all that it complained of or asked for."""

    tab: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def outside(self) -> list[str]:
        """What was asked for that is not in the page."""
        return [url for url in self.requests if not url.startswith(("data:", "blob:"))]


def visit(browser: Any, path: Path, **options: Any) -> Heard:
    """The page at ``path``, with its scripts done."""
    heard = Heard(browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options}))
    heard.tab.on("console", lambda message: heard.complaints.append(message.text))
    heard.tab.on("pageerror", lambda error: heard.complaints.append(str(error)))
    heard.tab.on("request", lambda request: heard.requests.append(request.url))
    heard.tab.goto(path.as_uri())
    heard.tab.wait_for_selector("div.dt-container", state="attached")  # in a part that may be folded
    return heard
