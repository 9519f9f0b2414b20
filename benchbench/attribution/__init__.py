"""A method on captured images, and on views of them."""
