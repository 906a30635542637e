"""Calendars: what the page reads of them."""
