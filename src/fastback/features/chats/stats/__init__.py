"""Figures about chats."""
