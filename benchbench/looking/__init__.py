"""Maps to be looked at: of files or tensors, by methods, layers and classes, with their numbers beside them."""
