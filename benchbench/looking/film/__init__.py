"""Films with the maps of every frame laid over them."""
