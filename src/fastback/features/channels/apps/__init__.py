"""Apps in channels: those that take part in one, invited by its managers."""
