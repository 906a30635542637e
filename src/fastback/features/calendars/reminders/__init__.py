"""Reminders of events: a socket message, notifications and webhooks before an event begins."""
