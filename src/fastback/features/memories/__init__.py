"""Memories: what the page reads of them."""
