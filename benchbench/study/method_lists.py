"""What the keys ``signed`` and ``twins`` make of a study's methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..errors import BenchError, nearest
from ..registry import METHODS, MethodPlugin
from ..registry.method_parameter import inside
from .choices import MethodChoice
from .study_file import read_each

SIGN, SIGNED = "sign", "signed"


def with_added(keys: dict[str, Any], read: Callable[[Any], MethodChoice]) -> dict[str, Any]:
    """The keys of a study, with the methods that ``signed`` and ``twins`` make of the study's.

    Args:
        read: a method from an item of the study's list.

    Raises:
        BenchError: a method cannot be read, or a twin is no control that is made of a method's map.
    """
    twins = keys.get("twins") or ()
    if "methods" not in keys or not (twins or keys.get("signed") is True):
        return keys
    methods: Sequence[MethodChoice] = read_each("methods", keys["methods"], read, METHODS.members)
    if keys.get("signed") is True:
        methods = with_signs(methods)
    names = [twins] if isinstance(twins, str) else twins
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise BenchError(f"cannot read {twins!r}", where="twins", hint="Give a list of controls: [inverted, blurred]")
    return {**keys, "twins": tuple(names), "methods": with_twins(methods, list(names))}


def with_signs(methods: Sequence[MethodChoice]) -> tuple[MethodChoice, ...]:
    """The methods, each with ``sign: signed`` where its parameter ``sign`` has its default.

    Methods without the parameter stay as they are.
    """
    return tuple(_signed(choice) for choice in methods)


def _signed(choice: MethodChoice) -> MethodChoice:
    known = choice.plugin.parameters.get(SIGN)
    if known is None or choice.params[SIGN] != known.default:
        return choice
    return _choice(choice.plugin, {**choice.params, SIGN: SIGNED}, choice)


def with_twins(methods: Sequence[MethodChoice], twins: Sequence[str]) -> tuple[MethodChoice, ...]:
    """The methods, and behind them of each that is no control the controls that are made of its map.

    Args:
        twins: controls with a parameter ``of``, such as ``inverted`` and ``blurred``.

    Raises:
        BenchError: one of them is no such control.
    """
    plugins = [_twin(name) for name in twins]
    bases = [each for each in methods if not each.plugin.control and "dataset" not in each.needs]
    added = [_choice(plugin, inside(each.plugin, each.params)) for each in bases for plugin in plugins]
    known = {(each.plugin.name, each.plugin.label(each.params)) for each in methods}
    return (*methods, *(each for each in added if (each.plugin.name, each.label) not in known))


def _twin(name: str) -> MethodPlugin:
    known = METHODS.load().items()
    controls = {each: plugin for each, plugin in known if plugin.control and "dataset" not in plugin.needs}
    able = [each for each, plugin in controls.items() if "of" in plugin.parameters]
    if name not in able:
        raise BenchError(
            f"{name!r} is no control that is made of a method's map", where="twins", hint=nearest(name, able)
        )
    return METHODS[name]


def _choice(plugin: MethodPlugin, params: dict[str, Any], named: MethodChoice | None = None) -> MethodChoice:
    """The method with its parameters, under the user's name where ``named`` has one."""
    bound = plugin.bind(params)
    choice = MethodChoice(plugin.label(bound), bound, plugin)
    return replace(choice, label=named.label) if named is not None and named.renamed else choice
