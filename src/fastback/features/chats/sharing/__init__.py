"""Shared chats: snapshots, their grants, and what other users see of a chat."""
