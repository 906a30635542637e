"""Sessions at OAuth providers: the encrypted tokens of users, and their renewal before they expire."""
