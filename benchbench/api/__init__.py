"""The Python interface: Study, explain, Run."""
