"""Search of chats by their title and messages, over an index that is derived from the chats."""
