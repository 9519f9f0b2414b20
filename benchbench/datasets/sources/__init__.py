"""How images come in: files, folders, tensors, torch data sets."""
