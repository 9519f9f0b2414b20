"""What a study asks for, and the plan of its cells."""
