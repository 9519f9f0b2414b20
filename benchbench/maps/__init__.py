"""Functions of saliency maps alone."""
