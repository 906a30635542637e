"""Notifications: what the page reads of them."""
