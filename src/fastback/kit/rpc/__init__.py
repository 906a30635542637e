"""Calls between two processes over a socket: values, streams and cancellation, in both directions."""
