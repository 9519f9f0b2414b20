"""Maps drawn on pictures."""
