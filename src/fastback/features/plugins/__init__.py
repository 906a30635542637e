"""Plugins: what tools and functions share. Their Python code is inspected in worker processes, never in the server."""
