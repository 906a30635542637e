"""Stores of vectors: the one that is built in, and servers that others keep."""
