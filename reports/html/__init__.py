"""The page: ``document`` draws it, ``refresh`` keeps it where nothing has changed."""
