"""Reports on a comparison of two runs."""
