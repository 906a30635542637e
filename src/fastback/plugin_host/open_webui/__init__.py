"""What plugins import as `open_webui`: our own modules with the names that Open WebUI's have."""
