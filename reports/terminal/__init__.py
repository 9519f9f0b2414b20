"""A run in the terminal: the answer and a table for each family of metrics, or every number."""
