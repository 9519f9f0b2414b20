"""``benchbench reliability``: which metrics can be relied on."""
