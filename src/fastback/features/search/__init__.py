"""One search over chats and notes."""
