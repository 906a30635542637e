"""Documents and their vectors."""
