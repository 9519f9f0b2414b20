"""Shards on several processes or machines: each worker has the network, and one process writes what they compute."""
