"""Addresses of profile pictures at Gravatar."""
