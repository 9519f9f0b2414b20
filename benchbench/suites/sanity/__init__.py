"""The suite ``sanity``: whether maps depend on what a network learned."""

from . import suite as suite
