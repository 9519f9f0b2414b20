"""The controls that the study's ``twins`` added: the terminal counts them, and lists none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...formatting import join_words, plural
from ...stats import twins_of


def twins_added(info: Mapping[str, Any]) -> dict[str, str]:
    """By the name of a control that is made of a method's map, its kind, such as ``inverted``.

    Only kinds that the study asked for by ``twins``: a control that the study names is a row like any other.

    Args:
        info: run.json, or run.json under display names.
    """
    kinds = info["study"].get("twins", ())
    return {control: kind for (_, control), kind in twins_of(info).items() if kind in kinds}


def twins_text(twins: Mapping[str, str]) -> str:
    """How many controls are not listed, and where they are."""
    kinds = join_words(dict.fromkeys(twins.values()))
    what = f"{plural(len(twins), 'control')} of twins ({kinds} maps of the methods)"
    return f"Not listed: {what}. See the report, or --verbose."
