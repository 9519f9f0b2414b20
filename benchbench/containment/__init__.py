"""What keeps the code of methods and metrics from disturbing a run: settings, networks, random states, time."""
