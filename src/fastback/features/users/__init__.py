"""People: their rows, settings, status, pictures."""
