"""From maps to scores."""
