"""The loop that runs a plan, resumes it, and writes its tables."""
