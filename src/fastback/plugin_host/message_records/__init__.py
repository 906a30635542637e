"""Sums over the messages of chats; `open_webui.models.chat_messages` puts the parts together."""
