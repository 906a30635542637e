"""Members of channels: users who joined, were added or opened a channel."""
