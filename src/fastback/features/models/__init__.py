"""Models: the list that users choose from, and workspace models."""
