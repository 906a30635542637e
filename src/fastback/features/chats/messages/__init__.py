"""Messages of a chat: their rows, their tree, writing them during a turn."""
