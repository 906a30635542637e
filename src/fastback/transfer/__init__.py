"""Move an installation: between databases, into an archive, and out of one."""
