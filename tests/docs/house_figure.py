"""docs/house.svg: the packages on their floors, and who imports whom, read from the code.

Run as ``python -m tests.docs.house_figure``; the figure is tested to be what it writes.
"""

from __future__ import annotations

import ast
from html import escape
from pathlib import Path

from tests.test_house import ENTRIES, FLOORS, ROOT, files, imports, room

FILE = ROOT / "docs" / "house.svg"
WIDTH, ROW, BOX, GAP = 1180, 92, 56, 14
_STYLE = (
    "text{font-family:system-ui,sans-serif;fill:#1b1f24}.n{font-size:15px;font-weight:600}.d{font-size:10.5px}"
    ".f{font-size:12px;fill:#57606a}rect{fill:#f6f8fa;stroke:#8c959f}line{stroke:#b6bec7}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.f{fill:#9198a1}rect{fill:#151b23;stroke:#656c76}"
    "line{stroke:#3d444d}}"
)


def arrows() -> dict[str, set[str]]:
    """By package, the packages that it imports, but for the ground's files."""
    ground = set(FLOORS[0])
    imported: dict[str, set[str]] = {name: set() for floor in FLOORS[1:] for name in floor}
    for path in files():
        package = room(path)
        if package in ENTRIES or package in ground:
            continue
        named = [name.split(".") for name, _ in imports(path, top_only=False) if name.startswith("benchbench.")]
        imported[package] |= {parts[1] for parts in named} - ground - {package}
    return imported


def needed(imported: dict[str, set[str]]) -> list[tuple[str, str]]:
    """The arrows that no chain of others stands for."""

    def reach(name: str) -> set[str]:
        return {name}.union(*(reach(other) for other in imported.get(name, ())))

    return sorted(
        (package, other)
        for package, others in imported.items()
        for other in others
        if not any(other in reach(between) for between in others - {other})
    )


def about(name: str) -> str:
    """The first words of a package's docstring."""
    home = ROOT / name if (ROOT / name).is_dir() else ROOT / "benchbench" / name
    docstring = ast.get_docstring(ast.parse((home / "__init__.py").read_text(encoding="utf-8"))) or ""
    return docstring.splitlines()[0].split(". ")[0].rstrip(".")


def figure() -> str:
    """The figure's text."""
    rows = FLOORS[:0:-1]
    place: dict[str, tuple[float, float, float]] = {}
    for row, names in enumerate(rows):
        wide = min(260.0, (WIDTH - 60 - GAP * (len(names) - 1)) / len(names))
        left = 60 + (WIDTH - 60 - wide * len(names) - GAP * (len(names) - 1)) / 2
        place |= {name: (left + k * (wide + GAP), 10.0 + row * ROW, wide) for k, name in enumerate(names)}
    height = 10 + len(rows) * ROW + 34
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">']
    parts += ["<title>The packages of benchbench on their floors; a line is an import, downwards</title>"]
    parts += [f"<style>{_STYLE}</style>"]
    for package, other in needed(arrows()):
        (x, y, w), (u, v, z) = place[package], place[other]
        parts.append(f'<line x1="{x + w / 2:.0f}" y1="{y + BOX:.0f}" x2="{u + z / 2:.0f}" y2="{v:.0f}"/>')
    for name, (x, y, w) in place.items():
        count = sum(room(path) == name and path.name != "__init__.py" for path in files())
        parts.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="{w:.0f}" height="{BOX}" rx="6"/>')
        parts.append(f'<text class="n" x="{x + 8:.0f}" y="{y + 20:.0f}">{name}</text>')
        parts.append(f'<text class="f" x="{x + w - 8:.0f}" y="{y + 20:.0f}" text-anchor="end">{count}</text>')
        for k, line in enumerate(_wrapped(about(name), w)):
            parts.append(f'<text class="d" x="{x + 8:.0f}" y="{y + 35 + 13 * k:.0f}">{escape(line)}</text>')
    for row in range(len(rows)):
        parts.append(f'<text class="f" x="8" y="{10 + row * ROW + 32}">{len(rows) + 1 - row}</text>')
    ground = ", ".join(FLOORS[0])
    parts.append(
        f'<text class="f" x="8" y="{height - 14}">1  the ground, files that every package may import: {ground}</text>'
    )
    return "\n".join([*parts, "</svg>", ""])


def _wrapped(text: str, wide: float) -> list[str]:
    """In two lines of the box, about 5.4 units a letter."""
    lines = [""]
    for word in text.split():
        if lines[-1] and (len(lines[-1]) + len(word) + 1) * 5.4 > wide - 14:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines if len(lines) <= 2 else [lines[0], f"{lines[1]} …"]


if __name__ == "__main__":
    FILE.write_text(figure(), encoding="utf-8")
    print(Path(FILE).relative_to(ROOT))
