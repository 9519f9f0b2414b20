"""Metrics, one small file each. Importing this package registers them."""

if __name__ != "benchbench.metrics":
    raise ImportError("import this package as benchbench.metrics: its folder must not become an import name of its own")

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("_"):
        importlib.import_module(f"{__name__}.{_module.name}")
