"""Metrics: one small file per metric or family. Importing this package registers them."""

if __name__ != "benchbench.metrics":
    raise ImportError("import this package as benchbench.metrics: its folder must not become an import name of its own")

from . import confidence, cost, curves, regions, road, subsets

__all__ = ["confidence", "cost", "curves", "regions", "road", "subsets"]
