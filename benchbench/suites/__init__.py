"""Studies that answer a question of their own. ``builtin`` registers those that have a name."""
