"""Connections to apps: this server opens a socket to each connected app, and both sides call each other over it."""
