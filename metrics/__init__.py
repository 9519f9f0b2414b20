"""Metrics: one small file per metric or family. Importing this package registers them."""

if __name__ != "benchbench.metrics":
    raise ImportError("import this package as benchbench.metrics: its folder must not become an import name of its own")

from . import adcc, confidence, cost, curves, randomisation, robustness

__all__ = ["adcc", "confidence", "cost", "curves", "randomisation", "robustness"]
