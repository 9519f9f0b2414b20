"""Passes, time and memory, counted and divided among their users."""
