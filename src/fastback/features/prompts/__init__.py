"""Prompts: what the page reads of them."""
