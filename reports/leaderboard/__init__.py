"""What every format shows: blocks, verdicts, marks and footnotes."""
