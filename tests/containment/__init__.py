"""The room benchbench/containment."""
