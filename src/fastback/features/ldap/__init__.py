"""Signing in with the accounts of an LDAP directory, and the administrator's settings of it."""
