"""Sessions: what a person who has signed in gets, whatever the method."""
