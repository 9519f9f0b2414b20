"""Saliency methods, one small file each. Importing this package registers them."""

if __name__ != "benchbench.methods":
    raise ImportError("import this package as benchbench.methods: its folder must not become an import name of its own")

import importlib
import pkgutil

from benchbench.registry import METHODS

for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("_"):
        importlib.import_module(f"{__name__}.{_module.name}")


def every_method() -> list[str]:
    """The names of all methods of this package that are no controls and need no parameter, in the registry's order."""
    return [
        name
        for name, plugin in METHODS.load().items()
        if plugin.function.__module__.startswith(f"{__name__}.") and not plugin.control and not plugin.required
    ]


METHODS.add_group("all", every_method, "every method of the package that needs no parameter, without controls")
