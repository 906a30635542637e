"""Shared chats: snapshots under an id of their own, and who may see them."""
