"""Download of the SQLite database by administrators."""
