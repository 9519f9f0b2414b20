"""Metrics: one small file per metric or family."""
