"""Timers of chats: a prompt that comes back into its chat at a time, kept in a chat of its own that no list shows."""
