"""The database as a file, for administrators."""
