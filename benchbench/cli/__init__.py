"""What the command line runs."""

from .app import main

__all__ = ["main"]
