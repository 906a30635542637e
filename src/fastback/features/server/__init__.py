"""What the page asks of the server itself: its configuration, version, health."""
