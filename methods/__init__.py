"""Saliency methods: one small file per method or family. Importing this package registers them."""

if __name__ != "benchbench.methods":
    raise ImportError("import this package as benchbench.methods: its folder must not become an import name of its own")

import importlib
import pkgutil

for _found in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_found.name}")
