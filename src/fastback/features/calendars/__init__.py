"""Calendars: the list that the frontend reads. Events of calendars are not implemented yet."""
