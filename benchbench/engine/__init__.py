"""Runs a plan, resumes it, and writes its tables."""
