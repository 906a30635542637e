"""Signing up, in and out; one's own profile, password and API key; the administrator's settings of all that."""
