"""Cutting texts into chunks, at the same places as Open WebUI."""
