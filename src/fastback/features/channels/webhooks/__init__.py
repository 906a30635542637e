"""Incoming webhooks: addresses at which other programs post messages into a channel."""
