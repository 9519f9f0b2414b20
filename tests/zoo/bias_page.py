"""The table of the networks in docs/suites/bias.md, of what the weights' files say: by ``make bias``."""

from __future__ import annotations

from pathlib import Path

from benchbench.models.bias_networks import RHOS, SEEDS, bias_architecture, bias_file, bias_header, bias_name

FILE = Path(__file__).parents[2] / "docs" / "suites" / "bias.md"
START, END = "<!-- written by make bias -->\n", "<!-- end -->"


def table() -> str:
    """A row for each network: rho, seed, accuracy and reliance."""
    lines = ["| network | rho | seed | right on unbiased scenes | reliance |", "|---|---|---|---|---|"]
    pairs = [(rho, seed) for rho in RHOS for seed in SEEDS]
    for rho, seed in pairs:
        facts = bias_header(rho, seed)
        right = f"{float(facts['accuracy']):.1%} of {int(facts['held_out']):,}"
        cells = [f"`{bias_name(rho, seed)}`", facts["rho"], facts["seed"], right, f"{float(facts['reliance']):.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
    size = sum(bias_file(rho, seed).stat().st_size for rho, seed in pairs) / 1000
    parameters = sum(p.numel() for p in bias_architecture().parameters())
    facts = bias_header(*pairs[0])
    learnt = f"learnt in {facts['epochs']} epochs of {int(facts['scenes']):,} scenes"
    return (
        "\n".join([*lines, "", f"Each has {parameters:,} parameters, {learnt}; together {size:,.0f} kB in float16."])
        + "\n"
    )


def written(text: str) -> str:
    """The page with the table in its place."""
    before, _, rest = text.partition(START)
    return f"{before}{START}\n{table()}\n{END}{rest.partition(END)[2]}"


def write() -> None:
    FILE.write_text(written(FILE.read_text(encoding="utf-8")), encoding="utf-8")
    print(FILE)
