"""The page."""

from .document import render, write

__all__ = ["render", "write"]
