"""Users as plugins read and write them; `open_webui.models.users` puts the parts together."""
