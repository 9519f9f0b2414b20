"""Saliency methods: one small file per method or family."""
