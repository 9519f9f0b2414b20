"""Metrics: one small file per metric or family. Importing this package registers them."""

if __name__ != "benchbench.metrics":
    raise ImportError("import this package as benchbench.metrics: its folder must not become an import name of its own")

from . import boxes, complexity, confidence, cost, curves, localisation, regions, road, subsets

__all__ = ["boxes", "complexity", "confidence", "cost", "curves", "localisation", "regions", "road", "subsets"]
