"""Settings an administrator saves, by page."""
