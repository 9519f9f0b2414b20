"""docs/quantus.md: which metrics of Quantus make sense on CAMs, and why the others are refused.

Run as ``python -m tests.docs.quantus_page``; the text is tested to be what it writes.
"""

from __future__ import annotations

from benchbench.metrics.quantus_verdicts import FAMILY, REFUSED, RUNS

from .pages import ROOT

FILE = ROOT / "docs" / "quantus.md"
INTRO = """# Metrics of Quantus and captum

`quantus:NAME`, with the parameters of its class that are plain values, runs a metric of
[Quantus](https://github.com/understandable-machine-intelligence-lab/Quantus)
(`pip install 'benchbench[quantus]'`); `captum:infidelity` and `captum:sensitivity_max` run captum's:

```
benchbench run --metrics deletion,quantus:FaithfulnessCorrelation:nr_runs=50,captum:infidelity:samples=20
```

They are given one image at a time, so that nothing is normalised, averaged or cut off over a batch; the map as every
metric here sees it, upsampled and min-max normalised; a random state seeded by the image, which is put back. What they
change of the image, they change in their own way: a number of theirs is not comparable with one of ours of the same
name. They are slow: their forwards are shared with nothing.

All metrics of Quantus 0.6.0 were tried on CAMs of RGB images. """


def text() -> str:
    """The page."""
    lines = [INTRO + f"{len(RUNS)} run:", "", "| metric | family | what to know |", "|---|---|---|"]
    lines += [f"| `quantus:{name}` | {FAMILY[name]} | {said} |" for name, said in RUNS.items()]
    lines += [
        "",
        f"{len(REFUSED)} are refused, with the reason, before anything runs:",
        "",
        "| metric | why |",
        "|---|---|",
    ]
    lines += [f"| `{name}` | {said} |" for name, said in REFUSED.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
