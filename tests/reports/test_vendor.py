"""The library that a report carries is what its README says, runs under the page's policy, and is in the page."""

from __future__ import annotations

import gzip
import re
from base64 import b64decode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from benchbench.reports.html.document import SCRIPTS

from .reading import read

VENDOR = files("benchbench.reports.html") / "vendor"
TEMPLATES = files("benchbench.reports.html") / "templates"
MOST_LINES = 475


def test_the_file_is_the_release_that_the_readme_names() -> None:
    readme = (VENDOR / "README.md").read_text(encoding="utf-8")
    code = (VENDOR / "plotly-basic.min.js").read_bytes()
    (digest,) = re.findall(r"[0-9a-f]{64}", readme)
    (version,) = re.findall(r"`plotly\.js-basic-dist-min` (\d+\.\d+\.\d+) ", readme)
    assert sha256(code).hexdigest() == digest
    assert f"plotly.js (basic - minified) v{version}\n".encode() in code[:200]
    assert (VENDOR / "plotly-basic.LICENSE").read_text(encoding="utf-8").startswith("MIT License")


def test_it_needs_no_eval() -> None:
    """The page's policy forbids it; the basic bundle has none, unlike bundles with WebGL."""
    code = (VENDOR / "plotly-basic.min.js").read_text(encoding="utf-8")
    assert not re.search(r"\bnew Function\b|[^.\w]eval\(", code)


def test_the_page_carries_it_compressed(page: Path) -> None:
    scripts = read(page.read_text(encoding="utf-8")).all("script")
    (bundle,) = [script for script in scripts if script.attributes.get("id") == "plotly-bundle"]
    assert gzip.decompress(b64decode(bundle.text)) == (VENDOR / "plotly-basic.min.js").read_bytes()
    assert len(bundle.text) < 550_000


def test_hand_written_scripts_stay_small() -> None:
    """What a library, a style, HTML or Python can do is theirs."""
    scripts = {path.name: path.read_text(encoding="utf-8") for path in TEMPLATES.iterdir() if path.name.endswith(".js")}
    assert set(scripts) == set(SCRIPTS)
    lines = [line for text in scripts.values() for line in text.splitlines()]
    assert len(lines) <= MOST_LINES
    assert [line for line in lines if len(line) > 120] == []
