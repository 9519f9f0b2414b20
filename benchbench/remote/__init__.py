"""Runs in object stores, by URL: a working copy on this machine, and what keeps the store as it is."""
