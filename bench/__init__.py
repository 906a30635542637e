"""Measurements: Fastback, Open WebUI when it is installed, and a bare ASGI handler, side by side in one run."""
