"""From probes to pictures: fills, parts, rankings, corruptions. No network."""
