"""Folders of chats."""
