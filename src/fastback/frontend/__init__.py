"""The frontend: Open WebUI's built files, downloaded once and served from disk."""
