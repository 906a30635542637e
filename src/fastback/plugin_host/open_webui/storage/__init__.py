"""The storage of files."""
