"""Lists of chats."""
