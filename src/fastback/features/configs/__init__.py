"""The administrator's settings, by page."""
