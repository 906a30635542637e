"""Automations: what the page reads of them."""
