"""Grants of access as plugins read and write them; `open_webui.models.access_grants` puts the parts together."""
