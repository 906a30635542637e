"""Messages of a chat: their rows, their tree, and their changes during a turn."""
