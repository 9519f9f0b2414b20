"""``python -m benchbench``."""

from .cli import main

main()
