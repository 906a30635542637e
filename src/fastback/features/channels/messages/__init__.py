"""Messages of channels: threads, replies, reactions and pins."""
