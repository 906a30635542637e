"""Terminals: which there are, and requests and sockets passed on to them."""
