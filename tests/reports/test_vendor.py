"""The libraries that a report carries are what their README says and run under the page's policy."""

from __future__ import annotations

import gzip
import re
from base64 import b64decode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest

from benchbench.reports.html.document import SCRIPTS

from .reading import read

VENDOR = files("benchbench.reports.html") / "vendor"
TEMPLATES = files("benchbench.reports.html") / "templates"
MOST_LINES = 300
LIBRARIES = {  # file: package, words that its code or its licence has
    "plotly-basic.min.js": ("plotly.js-basic-dist-min", "plotly.js (basic - minified) v{version}\n", "MIT License"),
    "alpine-csp.min.js": ("@alpinejs/csp", 'version:"{version}"', "MIT License"),
    "sortable.min.js": ("sortable-tablesort", "", "released into the public domain"),
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_is_the_release_that_the_readme_names(name: str) -> None:
    package, words, licence = LIBRARIES[name]
    readme = (VENDOR / "README.md").read_text(encoding="utf-8")
    code = (VENDOR / name).read_text(encoding="utf-8")
    ((version, digest),) = re.findall(
        rf"\| `{name}` \| `{re.escape(package)}` (\d+\.\d+\.\d+) \|.*\| `([0-9a-f]{{64}})` \|", readme
    )
    assert sha256(code.encode()).hexdigest() == digest
    assert words.format(version=version) in code
    assert licence in (VENDOR / name.replace(".min.js", ".LICENSE")).read_text(encoding="utf-8")


def test_the_folder_has_nothing_else() -> None:
    known = {part for name in LIBRARIES for part in (name, name.replace(".min.js", ".LICENSE"))}
    assert {path.name for path in VENDOR.iterdir()} == known | {"README.md"}


@pytest.mark.parametrize("name", LIBRARIES)
def test_it_needs_no_eval(name: str) -> None:
    """The page's policy forbids it; the basic bundle and Alpine's build for such policies have none."""
    code = (VENDOR / name).read_text(encoding="utf-8")
    assert not re.search(r"\bnew (Async)?Function\b|[^.\w]eval\(", code)
    assert "</script" not in code.lower()


def test_the_page_carries_it_compressed(page: Path) -> None:
    scripts = read(page.read_text(encoding="utf-8")).all("script")
    (bundle,) = [script for script in scripts if script.attributes.get("id") == "plotly-bundle"]
    assert gzip.decompress(b64decode(bundle.text)) == (VENDOR / "plotly-basic.min.js").read_bytes()
    assert len(bundle.text) < 550_000


def test_hand_written_scripts_stay_small() -> None:
    """What a library, a style, HTML or Python can do is theirs."""
    scripts = {path.name: path.read_text(encoding="utf-8") for path in TEMPLATES.iterdir() if path.name.endswith(".js")}
    assert set(scripts) == {name for name in SCRIPTS if name not in LIBRARIES}
    lines = [line for text in scripts.values() for line in text.splitlines()]
    assert len(lines) <= MOST_LINES
    assert [line for line in lines if len(line) > 120] == []


def test_attributes_of_templates_hold_no_programs() -> None:
    """Names, calls and a comparison or a sum: what is longer belongs to the scripts, whose lines are counted."""
    texts = [path.read_text(encoding="utf-8") for path in TEMPLATES.iterdir() if path.name.endswith(".j2")]
    attributes = [code for text in texts for code in re.findall(r'\sx-[\w:.-]+="([^"]*)"', text)]
    expressions = [re.sub(r"\{\{.*?\}\}", "0", code) for code in attributes]
    assert 40 < len(expressions) < 100
    assert [code for code in expressions if len(code) > 100 or ";" in code or "=>" in code] == []
