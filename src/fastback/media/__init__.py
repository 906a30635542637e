"""Clients of image and speech engines."""
