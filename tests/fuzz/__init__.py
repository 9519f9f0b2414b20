"""Malformed and hostile input, through the functions that the command line calls: a clear error, or a failed row."""
