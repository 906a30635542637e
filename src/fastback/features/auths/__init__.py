"""Signing up, in and out; the own profile, password and API key; the administrator's settings of sign-in."""
