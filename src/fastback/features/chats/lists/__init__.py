"""Lists of chats, and what has been read of them."""
