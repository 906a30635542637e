"""The contract: every operation of Open WebUI 0.12.4, and which of them are built."""
