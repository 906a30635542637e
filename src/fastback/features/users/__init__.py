"""Users: their rows, settings, status, pictures and usage."""
