"""The suite ``depth``: where each method localises best, and whether fusing layers helps."""

from . import suite as suite
