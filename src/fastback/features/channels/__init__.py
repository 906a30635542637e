"""Channels: conversations of users and models, as standard, group and direct channels."""
