"""Groups as plugins read and write them; `open_webui.models.groups` puts the parts together."""
