"""Pages, tables and figures of a stored run, without torch."""

if __name__ != "benchbench.reports":
    raise ImportError("import this package as benchbench.reports: its folder must not become an import name of its own")
