"""``python -m tests.docs.tutorial``: executes docs/tutorial.ipynb and writes its outputs, or only looks (``--check``).

Who edits the notebook runs this behind it: the file says of which code its outputs are, and a test compares.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import os
import tempfile
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

from .pages import ROOT

FILE = ROOT / "docs" / "tutorial.ipynb"
EXECUTED = "executed_sources"  # in the notebook's metadata: the digest of the code that its outputs are of
SMALL = {  # for a quick look: what each text of the code is replaced by
    "samples=20": "samples=3",
    '"deletion", "steps": 7': '"deletion", "steps": 2',
    '"insertion", "steps": 7': '"insertion", "steps": 2',
}
QUIET = "ignore:IProgress not found"  # tqdm asks for ipywidgets, which no cell needs; its warning names a path
TIMEOUT = 1800  # seconds for a cell, also on a busy machine


def read_notebook() -> Any:
    return nbformat.read(FILE, as_version=4)


def sources(notebook: Any) -> list[str]:
    """The code cells, in order."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def digest_of(notebook: Any) -> str:
    return hashlib.sha256("\n\n".join(sources(notebook)).encode()).hexdigest()


def smaller(notebook: Any, replaced: Mapping[str, str] = SMALL) -> Any:
    """A copy that has less to compute.

    Raises:
        ValueError: a text to be replaced is not in the code exactly once.
    """
    copy = deepcopy(notebook)
    for old, new in replaced.items():
        places = [cell for cell in copy.cells if cell.cell_type == "code" and old in cell.source]
        if len(places) != 1 or places[0].source.count(old) != 1:
            raise ValueError(f"{old!r} is in {len(places)} cells of {FILE.name}; it should be there once")
        places[0].source = places[0].source.replace(old, new)
    return copy


def executed(notebook: Any, folder: Path) -> Any:
    """A copy with new outputs, each cell executed in turn by a kernel of this Python in a folder.

    The kernel writes nothing into the user's own folders.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised; the message has the cell and the traceback.
    """
    copy = deepcopy(notebook)
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    places = {name: str(folder / name.lower()) for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR")}
    client = NotebookClient(
        copy,
        timeout=TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    settings = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": QUIET}
    client.execute(env={**os.environ, **places, **settings})
    return copy


def tidied(notebook: Any) -> Any:
    """A copy for the repository: photographs as JPEG, of a picture no text besides, and the digest of the code."""
    copy = deepcopy(notebook)
    for cell in copy.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" in data:
                output["data"] = nbformat.from_dict({"image/jpeg": _jpeg(data["image/png"])})
    copy.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            EXECUTED: digest_of(copy),
        }
    )
    return copy


def _jpeg(png: str) -> str:
    """A PNG in base64 as a JPEG in base64, a fifth of the size."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(png))) as picture:
        picture.convert("RGB").save(out, "JPEG", quality=80, optimize=True)
    return base64.b64encode(out.getvalue()).decode("ascii")


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="execute the notebook, and write nothing")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as name:
        done = executed(read_notebook(), Path(name))
    if not options.check:
        nbformat.write(tidied(done), FILE)
    print(f"{len(sources(done))} cells of {FILE.name} executed")


if __name__ == "__main__":
    main()
