"""Events of calendars, their recurrence and their attendees."""
