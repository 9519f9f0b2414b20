"""Data sets that ship with benchbench or are made from a seed."""
