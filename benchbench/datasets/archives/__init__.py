"""Data sets by name, each read in the layout of its official archive; nothing is downloaded."""
