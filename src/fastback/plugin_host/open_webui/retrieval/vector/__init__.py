"""Collections of vectors."""
