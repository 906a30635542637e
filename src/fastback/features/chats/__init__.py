"""Chats: lists, documents and messages, sharing, tags, archive, search and statistics."""
