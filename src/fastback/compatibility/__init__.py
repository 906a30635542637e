"""The operations of Open WebUI 0.12.4, and which of them are built."""
