"""``python -m tests.docs.app_picture``: the screenshot of docs/app.md, of the app as a visitor sees it."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from skimage import data

from benchbench.app.app_options import AppOptions

from ..app.running import running
from ..app.visits import visiting
from ..reports.chromium import chromium

PICTURE = Path(__file__).parents[2] / "docs" / "app.jpg"
SIZE = (1280, 900)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        photograph = Path(name) / "cat.jpg"
        Image.fromarray(data.chelsea()).save(photograph, quality=92)
        options = AppOptions({"efficientnet_lite0": "efficientnet_lite0"}, port=0, device="cpu")
        viewport = {"width": SIZE[0], "height": SIZE[1]}
        with running(options) as app, chromium() as browser, visiting(browser, app, viewport=viewport) as visit:
            visit.choose("methods", "Score-CAM")
            visit.send(photograph)
            visit.heads()
            visit.tab.mouse.click(5, 5)
            shot = visit.tab.screenshot()
    with Image.open(io.BytesIO(shot)) as picture:
        picture.convert("RGB").save(PICTURE, quality=76, optimize=True)
    print(PICTURE)


if __name__ == "__main__":
    main()
