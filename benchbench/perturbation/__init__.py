"""Pictures that probes ask for, made without a network."""
