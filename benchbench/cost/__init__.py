"""Passes, time and memory: counted, measured, divided among their users."""
