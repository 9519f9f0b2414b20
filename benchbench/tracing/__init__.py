"""Where a network's outputs hold their maps, followed through one forward."""
