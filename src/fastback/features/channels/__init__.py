"""Channels: the lists that the frontend reads. Messages of channels are not implemented yet."""
