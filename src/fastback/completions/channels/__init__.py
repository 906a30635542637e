"""Models in channels: they answer messages that mention them, or that reply to their answers."""
