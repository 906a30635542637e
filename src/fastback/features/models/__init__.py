"""Models: the list people choose from, and workspace models."""
