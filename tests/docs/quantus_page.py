"""docs/quantus.md: which metrics of Quantus make sense on CAMs, and why the others are refused.

Run as ``python -m tests.docs.quantus_page``; the text is tested to be what it writes.
"""

from __future__ import annotations

from benchbench.metrics._quantus_support import FAMILY, REFUSED, RUNS

from .pages import ROOT

FILE = ROOT / "docs" / "quantus.md"
INTRO = """# Metrics of Quantus and captum

`quantus:NAME` runs a metric of
[Quantus](https://github.com/understandable-machine-intelligence-lab/Quantus)
(`pip install 'benchbench-saliency[quantus]'`), with those parameters of its class that are plain values.
`captum:infidelity` and `captum:sensitivity_max` run captum's metrics:

```
benchbench run --metrics deletion,quantus:FaithfulnessCorrelation:nr_runs=50,captum:infidelity:samples=20
```

These metrics get one image at a time, so that nothing is normalised, averaged or cut off over a batch. They get the map
like every metric here, upsampled and min-max normalised, and a random state seeded by the image, which is restored
afterwards. Metrics that change images do so in their own way, so their numbers are not comparable with benchbench's
metrics of the same name. They are slow, because they share no forward passes.

All metrics of Quantus 0.6.0 were tried on CAMs of RGB images. """


def text() -> str:
    """The page."""
    lines = [INTRO + f"{len(RUNS)} run:", "", "| metric | family | what to know |", "|---|---|---|"]
    lines += [f"| `quantus:{name}` | {FAMILY[name]} | {note} |" for name, note in RUNS.items()]
    lines += [
        "",
        f"{len(REFUSED)} are refused, with the reason, before anything runs:",
        "",
        "| metric | why |",
        "|---|---|",
    ]
    lines += [f"| `{name}` | {reason} |" for name, reason in REFUSED.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
