"""benchbench: a referee for saliency methods."""
