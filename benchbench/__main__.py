"""``python -m benchbench``."""

from .cli.app import main

main()
