"""Chats: their lists, their documents and messages, sharing, tags, archive."""
