"""HTTP and WebSocket entrances to chat completions."""
