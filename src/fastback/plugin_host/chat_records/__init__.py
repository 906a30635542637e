"""Chats as plugins read and write them; `open_webui.models.chats` puts the parts together."""
