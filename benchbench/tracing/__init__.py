"""Where a network's outputs hold their maps: axes followed through one forward."""
