"""``benchbench app``: pictures, a camera and runs in a browser, on this machine. Needs the extra ``app``."""
