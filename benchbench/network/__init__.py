"""All that is done with a torch network."""
