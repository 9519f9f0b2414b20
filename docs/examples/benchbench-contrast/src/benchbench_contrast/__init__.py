"""A saliency method and a metric for benchbench."""
