"""A visit of the app by a real browser, and all that its tab complains of or asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .running import RunningApp

_KNOWN = ("Method not implemented.",)  # of Gradio's own page, at every visit


@dataclass
class AppVisit:
    """A tab of the app."""

    tab: Any
    address: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def outside(self) -> set[str]:
        """What was asked of another machine."""
        return {url for url in self.requests if not url.startswith((self.address, "data:", "blob:"))}

    def send(self, path: Path) -> None:
        """Upload a picture in place of the one before."""
        clear = self.tab.locator('#picture button[aria-label="Clear"], #picture button[title="Clear"]')
        if clear.count():
            clear.first.click()
        self.tab.wait_for_selector("#picture input[type=file]", state="attached")
        self.tab.set_input_files("#picture input[type=file]", str(path))

    def choose(self, name: str, text: str) -> None:
        """Search in a list and take the first that fits."""
        words = self.tab.locator(f"#{name} input").first
        words.click()
        words.fill(text)
        words.press("Enter")
        words.press("Escape")

    def open(self, tab: str) -> None:
        self.tab.get_by_role("tab", name=tab).click()

    def heads(self) -> list[str]:
        """The headings of the answer, when its maps are there."""
        self.tab.wait_for_selector("#answer .bb-card img", timeout=60_000)
        return list(self.tab.locator("#answer h3").all_inner_texts())


@contextmanager
def visiting(browser: Any, app: RunningApp, **options: Any) -> Iterator[AppVisit]:
    """Visit the app in a context of its own: cookies and storage are those of one visitor."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 1000}, "permissions": ["camera"], **options})
    visit = AppVisit(context.new_page(), app.address)
    visit.tab.set_default_timeout(60_000)
    visit.tab.on("console", lambda message: _heard(visit, message))
    visit.tab.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.tab.on("request", lambda request: visit.requests.append(request.url))
    visit.tab.goto(app.address)
    visit.tab.wait_for_selector("#status .bb-message")  # the network is there
    yield visit
    context.close()


def _heard(visit: AppVisit, message: Any) -> None:
    if message.type in ("error", "warning") and message.text not in _KNOWN:
        visit.complaints.append(message.text)
