"""Studies that answer a question of their own."""
