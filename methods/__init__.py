"""Saliency methods: one small file per method or family."""

if __name__ != "benchbench.methods":
    raise ImportError("import this package as benchbench.methods: its folder must not become an import name of its own")
