"""A visit of the app by a real browser, and all that its tab complains of or asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .running import RunningApp

_HEADS = """() => {
    const answer = document.querySelector("#answer");
    return answer.querySelector(".bb-card img") && Array.from(answer.querySelectorAll("h3"), (head) => head.innerText);
}"""
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

    def send(self, path: Path, *, over: bool = False) -> None:
        """Upload a picture in place of the one before.

        Args:
            over: whether the one before is replaced while it is there, and not removed first.
        """
        remove = self.tab.locator('#picture button[aria-label="Remove Image"]')
        if remove.count() and not over:
            remove.click()
            self.tab.wait_for_function("!document.querySelector('#answer').querySelector('img')")
        self.tab.wait_for_selector("#picture input[type=file]", state="attached")
        self.tab.set_input_files("#picture input[type=file]", str(path))

    def photograph(self) -> None:
        """Take a picture with the camera."""
        self.tab.locator("#picture button[aria-label*='camera' i]").click()
        self.tab.locator("#picture").get_by_text("Click to Access Webcam").click()
        self.tab.wait_for_function("document.querySelector('#picture video')?.readyState >= 2")
        self.tab.locator("#picture button[aria-label='capture photo']").click()

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
        """The headings of the answer, read at the moment at which its maps are there."""
        heads = self.tab.wait_for_function(_HEADS, timeout=60_000).json_value()
        return list(map(str, heads))


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
