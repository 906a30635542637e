"""Telling other programs what happens here: event webhooks, and what a message to one looks like."""
