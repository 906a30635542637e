"""Terminals: what the page reads of them."""
