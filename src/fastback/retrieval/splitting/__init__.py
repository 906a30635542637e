"""Split texts into chunks, at the same positions as Open WebUI."""
