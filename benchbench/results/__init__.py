"""What a run's folder holds, written and read back."""
