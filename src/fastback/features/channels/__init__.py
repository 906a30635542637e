"""Channels: what the page reads of them."""
