"""The suite ``bias``: whether maps follow how much a network relies on a spurious cue."""

from . import suite as suite
