"""Calendars: records that users share, with their events, attendees and reminders."""
